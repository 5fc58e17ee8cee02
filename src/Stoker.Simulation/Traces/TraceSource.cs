using System.IO.Compression;
using Stoker.Api.Problems;

namespace Stoker.Simulation.Traces;

/// <summary>A trace that the program carries.</summary>
public sealed record BundledTrace(string Name, string About, string File);

/// <summary>Finds a trace by the name of a bundled one or by a path; what format it has is seen from its first
/// line.</summary>
public static class TraceSource
{
    private const string Lengths = "servegen_token_lengths.csv.gz";

    /// <summary>The lengths of clients for which ServeGen has none, near the middle of those it has.</summary>
    private static readonly LengthLaw UsualLengths = LengthLaw.Constant(promptTokens: 1000, generatedTokens: 200);

    public static IReadOnlyList<BundledTrace> Bundled { get; } =
    [
        new("azure-conv", "an hour of a conversation service", "azure_llm_2023_conv.csv.gz"),
        new("azure-code", "an hour of a code-completion service, very bursty", "azure_llm_2023_code.csv.gz"),
        new("mooncake-conversation", "an hour of chats with shared prefixes", "mooncake_conversation.jsonl.gz"),
        new("mooncake-synthetic", "17 minutes of agents with shared prefixes", "mooncake_synthetic.jsonl.gz"),
        new("servegen-m-large", "14 days of 135 clients; choose one with --client", "servegen_m-large_rates.csv.gz"),
        new("servegen-deepseek-r1", "24 hours of 73 clients; choose one with --client", "servegen_deepseek-r1_rates.csv.gz"),
    ];

    /// <param name="client">The client of a set of clients; null for a trace.</param>
    /// <param name="seed">Fixes the draws where requests are drawn from rates.</param>
    public static Result<Trace> Open(string nameOrPath, string? client, ulong seed)
    {
        if (!OpenText(nameOrPath).TryGet(out var text, out var problem)) return problem;
        using (text) return Read(Path.GetFileName(nameOrPath), text, client, seed);
    }

    /// <summary>A set of clients as a whole.</summary>
    public static Result<RateTable> OpenRates(string nameOrPath)
    {
        if (!OpenText(nameOrPath).TryGet(out var text, out var problem)) return problem;
        using (text)
        {
            var lines = new TraceLines(Path.GetFileName(nameOrPath), text);
            return lines.Next() && lines.Line == RateTable.Heading
                ? RateTable.Read(lines)
                : lines.Wrong($"expected the heading of a set of clients, {RateTable.Heading}");
        }
    }

    /// <summary>The lengths that a client of the bundled sets has.</summary>
    public static LengthLaw LengthsOf(string client)
    {
        using var text = OpenBundled(Lengths);
        var lines = new TraceLines(Lengths, text);
        lines.Next();
        return LengthLaw.Read(lines).Value.GetValueOrDefault(client) ?? UsualLengths;
    }

    internal static Result<Trace> Read(string name, TextReader text, string? client = null, ulong seed = 1)
    {
        var lines = new TraceLines(name, text);
        if (!lines.Next()) return Problem.InvalidArgument($"{name} is empty; {Formats}");
        if (lines.Line == RateTable.Heading) return RateTable.Read(lines).Then(table => Draw(table, client, seed));
        if (client is not null) return Problem.InvalidArgument($"{name} is one trace, not a set of clients: leave out the client");
        return lines.Line switch
        {
            AzureTrace.Heading => AzureTrace.Read(lines),
            ArrivalFile.Heading => ArrivalFile.Read(lines),
            ['{', ..] => MooncakeTrace.Read(lines),
            _ => lines.Wrong($"unknown format, it begins '{TraceLines.Shown(lines.Line)}'; {Formats}"),
        };
    }

    private static string Formats =>
        $"a trace begins with the line '{ArrivalFile.Heading}', '{AzureTrace.Heading}' or '{RateTable.Heading}', or has a JSON object with timestamp, "
        + "input_length, output_length and hash_ids on each line; any of them may be compressed with gzip";

    private static Result<Trace> Draw(RateTable table, string? client, ulong seed)
    {
        if (client is not null && table.Find(client) is { } found) return ClientArrivals.Draw(table, found, LengthsOf(client), seed);
        const int Most = 20;
        var names = string.Join(", ", table.Clients.Take(Most).Select(known => known.Client)) + (table.Clients.Count > Most ? " ..." : "");
        return Problem.InvalidArgument(client is null
            ? $"{table.Name} is a set of {table.Clients.Count} clients: choose one with --client, such as {names}"
            : $"{table.Name} has no client '{client}'; it has {names}");
    }

    private static Result<TextReader> OpenText(string nameOrPath)
    {
        if (Bundled.FirstOrDefault(known => known.Name == nameOrPath) is { } bundled) return OpenBundled(bundled.File);
        return File.Exists(nameOrPath)
            ? Decompressed(File.OpenRead(nameOrPath))
            : Problem.NotFound($"'{nameOrPath}' is neither a file nor a bundled trace; bundled are {string.Join(", ", Bundled.Select(known => known.Name))}");
    }

    private static StreamReader OpenBundled(string file) =>
        Decompressed(typeof(TraceSource).Assembly.GetManifestResourceStream(file)
            ?? throw new InvalidOperationException($"The program was built without {file}."));

    private static StreamReader Decompressed(Stream stream)
    {
        var compressed = stream.ReadByte() == 0x1f && stream.ReadByte() == 0x8b;
        stream.Position = 0;
        return new(compressed ? new GZipStream(stream, CompressionMode.Decompress) : stream);
    }
}
