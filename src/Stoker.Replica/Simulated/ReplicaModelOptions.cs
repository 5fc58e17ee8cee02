using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Stoker.Replica.Simulated;

/// <summary>
/// The figures of a simulated replica. The defaults are those of a mid-size model on one accelerator.
/// </summary>
public sealed record ReplicaModelOptions
{
    /// <summary>From start to ready.</summary>
    public TimeSpan BootTime { get; init; } = TimeSpan.Zero;

    /// <summary>
    /// Uncached prompt tokens a second; one prompt at a time, as in the reference runs that routing was designed with.
    /// </summary>
    public double PrefillTokensPerSecond { get; init; } = 20_000;

    /// <summary>Tokens a second of one sequence, whatever runs beside it.</summary>
    public double DecodeTokensPerSecond { get; init; } = 50;

    /// <summary>Sequences at once.</summary>
    public int Slots { get; init; } = 8;

    /// <summary>What every request costs before its prompt does, whatever its lengths.</summary>
    public TimeSpan RequestOverhead { get; init; } = TimeSpan.Zero;

    /// <summary>Prompts computed at once, each at the full rate.</summary>
    public int PrefillsAtOnce { get; init; } = 1;

    /// <summary>Sequences that may wait for a slot.</summary>
    public int MostWaiting { get; init; } = 256;

    /// <summary>Tokens that the prefix cache holds; 0 is off.</summary>
    public int PrefixCacheTokens { get; init; } = 65_536;

    /// <summary>Positions in a block of the prefix cache; the default is the engine's.</summary>
    public int PrefixBlockTokens { get; init; } = PrefixCache.BlockTokens;

    /// <summary>
    /// False: only an answer's first and last token are events, for simulations of days. Faults that count tokens then
    /// come as late as the next event.
    /// </summary>
    public bool EveryToken { get; init; } = true;

    public int ContextLength { get; init; } = 8192;

    /// <summary>Tokens after which an answer ends by itself, its end token among them.</summary>
    public int AnswerTokens { get; init; } = 64;

    /// <summary>
    /// Answers are a function of this, the request's own seed, the prompt, the choice and the position.
    /// </summary>
    public long Seed { get; init; }

    /// <summary>Takes addons: they change an answer's words, and cost nothing.</summary>
    public bool TakesAddons { get; init; }

    /// <summary>Fault: after so many generated tokens of all requests together, the process is gone.</summary>
    public long? CrashAfterTokens { get; init; }

    /// <summary>Fault: after so many generated tokens nothing moves any more, but the HTTP side answers.</summary>
    public long? HangAfterTokens { get; init; }

    /// <summary>Fault: loading ends in an error after the boot time.</summary>
    public bool FailLoad { get; init; }

    /// <summary>Reads <c>key=value,key=value</c>: boot-seconds, prefill-rate, decode-rate, slots, queue, prefix-cache-tokens, context-length,
    /// answer-tokens, seed, crash-after-tokens, hang-after-tokens, fail-load.</summary>
    public static bool TryParse(
        string text, [NotNullWhen(true)] out ReplicaModelOptions? options, [NotNullWhen(false)] out string? error)
    {
        (options, error) = (new(), null);
        foreach (var part in text.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var (key, value) = part.IndexOf('=', StringComparison.Ordinal) is > 0 and var at ? (part[..at], part[(at + 1)..]) : (part, "");
            options = options.With(key, value);
            if (options is not null) continue;
            error = $"'{part}' must be one of boot-seconds, prefill-rate, decode-rate, slots, queue, prefix-cache-tokens, context-length, "
                + "answer-tokens, seed, crash-after-tokens, hang-after-tokens (numbers in range) or fail-load (true or false), as key=value";
            return false;
        }

        return true;
    }

    private ReplicaModelOptions? With(string key, string value) => key switch
    {
        "boot-seconds" when Number(value, 0, 86_400) is { } seconds => this with { BootTime = TimeSpan.FromSeconds(seconds) },
        "prefill-rate" when Number(value, 0.001, 1e12) is { } rate => this with { PrefillTokensPerSecond = rate },
        "decode-rate" when Number(value, 0.001, 1e6) is { } rate => this with { DecodeTokensPerSecond = rate },
        "slots" when Integer(value, 1, 65_536) is { } count => this with { Slots = (int)count },
        "queue" when Integer(value, 0, 1_000_000) is { } count => this with { MostWaiting = (int)count },
        "prefix-cache-tokens" when Integer(value, 0, int.MaxValue) is { } count => this with { PrefixCacheTokens = (int)count },
        "context-length" when Integer(value, 2, int.MaxValue) is { } count => this with { ContextLength = (int)count },
        "answer-tokens" when Integer(value, 1, int.MaxValue) is { } count => this with { AnswerTokens = (int)count },
        "seed" when Integer(value, long.MinValue, long.MaxValue) is { } seed => this with { Seed = seed },
        "crash-after-tokens" when Integer(value, 0, long.MaxValue) is { } count => this with { CrashAfterTokens = count },
        "hang-after-tokens" when Integer(value, 0, long.MaxValue) is { } count => this with { HangAfterTokens = count },
        "fail-load" when bool.TryParse(value, out var fail) => this with { FailLoad = fail },
        _ => null,
    };

    private static double? Number(string text, double least, double most) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most ? value : null;

    private static long? Integer(string text, long least, long most) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most ? value : null;
}
