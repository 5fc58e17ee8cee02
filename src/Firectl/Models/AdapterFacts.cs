using System.Buffers.Binary;
using System.Text.Json;
using Stoker.Api.Problems;

namespace Firectl.Models;

/// <summary>Rank and target modules of a LoRA adapter, as its model has to name them.</summary>
/// <remarks>
/// Settings may say them by an expression, <c>all-linear</c>, paths of single layers or patterns of ranks, and a model names plain modules: what
/// the tensors are called and shaped settles it, by the one rule that the server and replicas hold them against the settings by. Where tensors
/// cannot be read, the settings are taken as they are, and the server says what is wrong with the file.
/// </remarks>
/// <param name="Rank">The highest; null where nobody says.</param>
internal sealed record AdapterFacts(int? Rank, IReadOnlyList<string>? TargetModules)
{
    public const string ConfigFile = "adapter_config.json";
    public const string WeightsFile = "adapter_model.safetensors";

    private const string SuffixA = ".lora_A.weight";
    private const int MaxHeaderBytes = 16 << 20; // a hundred times what the names of a large model's modules take

    /// <param name="weights">Null where there is no such file.</param>
    /// <exception cref="ProblemException">The settings have a wrong form.</exception>
    public static AdapterFacts Read(FileInfo config, FileInfo? weights)
    {
        var said = OfConfig(config, out var hasRankPattern);
        if (weights is null || OfTensors(weights) is not { } seen) return said;
        return new(hasRankPattern ? seen.Rank : said.Rank ?? seen.Rank, seen.TargetModules);
    }

    private static AdapterFacts OfConfig(FileInfo file, out bool hasRankPattern)
    {
        try
        {
            using var parsed = JsonDocument.Parse(File.ReadAllBytes(file.FullName));
            var config = parsed.RootElement;
            if (config.ValueKind != JsonValueKind.Object) throw Wrong("must be a JSON object");
            hasRankPattern = config.TryGetProperty("rank_pattern", out var patterns) && patterns.ValueKind == JsonValueKind.Object && patterns.EnumerateObject().Any();
            return new(RankIn(config), ModulesIn(config));
        }
        // The second: text that is no UTF-8, which is found only when it is read.
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw Wrong(error.Message);
        }
    }

    /// <summary>Null is as good as absent: then the tensors count.</summary>
    private static int? RankIn(JsonElement config)
    {
        if (!config.TryGetProperty("r", out var rank) || rank.ValueKind == JsonValueKind.Null) return null;
        return rank.ValueKind == JsonValueKind.Number && rank.TryGetInt32(out var value) ? value : throw Wrong("r must be a whole number");
    }

    private static List<string>? ModulesIn(JsonElement config)
    {
        if (!config.TryGetProperty("target_modules", out var targets) || targets.ValueKind is JsonValueKind.Null or JsonValueKind.String) return null;
        return targets.ValueKind == JsonValueKind.Array && targets.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String)
            ? [.. targets.EnumerateArray().Select(item => item.GetString()!)]
            : throw Wrong("target_modules must be a list of names, or an expression");
    }

    /// <summary>Null: it is no safetensors file, or holds none of an adapter's tensors.</summary>
    private static AdapterFacts? OfTensors(FileInfo file)
    {
        using var stream = file.OpenRead();
        if (HeaderOf(stream) is not { } header) return null;
        try
        {
            using var parsed = JsonDocument.Parse(header);
            var (rank, modules) = (0, new SortedSet<string>(StringComparer.Ordinal));
            foreach (var tensor in parsed.RootElement.EnumerateObject().Where(tensor => tensor.Name.EndsWith(SuffixA, StringComparison.Ordinal)))
            {
                var path = tensor.Name[..^SuffixA.Length];
                modules.Add(path[(path.LastIndexOf('.') + 1)..]);
                rank = Math.Max(rank, tensor.Value.GetProperty("shape")[0].GetInt32());
            }

            return modules.Count > 0 ? new(rank, [.. modules]) : null;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or IndexOutOfRangeException or FormatException)
        {
            return null; // the server reads it again and says what is wrong
        }
    }

    /// <summary>Eight bytes with its length, and so many bytes of JSON.</summary>
    private static byte[]? HeaderOf(FileStream stream)
    {
        Span<byte> prefix = stackalloc byte[sizeof(ulong)];
        if (stream.ReadAtLeast(prefix, prefix.Length, throwOnEndOfStream: false) < prefix.Length) return null;
        var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > MaxHeaderBytes || (long)length > stream.Length - prefix.Length) return null;
        var header = new byte[length];
        return stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) == header.Length ? header : null;
    }

    private static ProblemException Wrong(string what) => new(Problem.InvalidArgument($"{ConfigFile}: {what}"));
}
