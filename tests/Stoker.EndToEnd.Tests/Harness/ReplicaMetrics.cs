using System.Globalization;

namespace Stoker.EndToEnd.Tests.Harness;

/// <summary>What the one replica of a sandbox says of itself, asked at its own socket.</summary>
internal static class ReplicaMetrics
{
    public static async Task<double> ReadAsync(Sandbox sandbox, string name)
    {
        var text = await ReplicaSocket.GetAsync(sandbox, "/metrics");
        var line = text.Split('\n').FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))
            ?? throw new InvalidDataException($"no {name} in:\n{text}");
        return double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture);
    }
}
