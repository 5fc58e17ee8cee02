using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Stoker.Engine;
using Stoker.Replica.Hosting;
using Stoker.Replica.Simulated;

namespace Stoker.Replica;

/// <summary>
/// The command line of <c>stoker replica</c>: flags with a value, each once but <c>--listen</c>; anything else is
/// refused.
/// </summary>
/// <remarks>Own and small, because it stands on the way of every cold start.</remarks>
internal sealed partial class ReplicaArguments
{
    public const string Usage = """
        stoker replica: serves one model over HTTP
          --model FOLDER             folder with the model's files (not needed with --engine simulated)
          --served-model-name NAME   the name requests use; default: the folder's name
          --listen ADDRESS           unix:PATH or http://IP:PORT, port 0 for a free one; may be repeated; default: http://127.0.0.1:7866
          --engine ENGINE            stoker (default) or simulated
          --precision P              of the weights in memory: auto (default: as stored, in 16 bit), f32, bf16, int8, fp8 or fp4
          --kernel-set NAME          forces a kernel set: emitted, vector512, vector256, portable or reference; default: the fastest here
          --threads N                worker threads; 0 (default): all that the process may use
          --pin-threads on|off|auto  binds each worker thread to a core; default: auto, when there are as many as cores
          --cores LIST               binds the process to these cores, such as 0,1
          --context-length N         positions of prompt and answer together; default: the model's
          --memory-bytes N           bytes for weights, cache and buffers together
          --kv-precision P           keys and values of the cache: auto (default: bf16), f32, bf16 or fp8
          --max-sequences N          sequences that run at once; default: the engine's
          --step-tokens N            tokens computed in one step, at least the sequences; default: the engine's
          --step-milliseconds N      what a step beside running streams is to take; 0: no limit; default: the engine's
          --long-prompt              larger steps and twice the cache, for prompts above some 3,000 tokens; see docs/long-prompts.md
          --decode-share S           with it: the share of their speed that answers keep beside a prompt, 0.05 to 0.95; default: 0.5
          --prefix-cache on|off      begin prompts with what is left of earlier ones; default: on
          --packed USE               auto (default) maps a packed model that fits, see docs/packed-model.md; never; require
          --draft-model FOLDER       a small model with the same tokenizer, or an EAGLE head, that drafts; see docs/speculation.md
          --ngram-speculation-length N  drafts from the text itself: what followed its last N tokens before; not with --draft-model
          --draft-token-count K      tokens drafted in a row, needed with either; 0 is off
          --adaptive-speculation on|off  as many drafts as pay, or always K; default: on
          --lock-memory              keeps the weights in memory; the system's limit may forbid it, which is logged
          --enable-addons            takes LoRA addons beside the model, at the start and while it runs; see docs/addons.md
          --addon NAME=FOLDER        an addon from the start, for requests with that model name; may be repeated
          --max-addons N             addons in memory at once; default: the engine's
          --max-addon-rank N         highest rank of an addon; default: the engine's
          --addon-memory-bytes N     bytes of the pool for addons; default: by the two above
          --merge-addon FOLDER       makes one addon part of the weights
          --simulate KEY=VALUE,...   the simulated engine's figures, see docs/replica.md
        Set by a server that owns the replica:
          --id ID                    its identity, repeated at /health
          --directory DIRECTORY      where log.txt and exit.json go; default: the log goes to standard error
          --lease-seconds S          drains and ends after so long without renewal; 0 (default): no lease
          --detach                   leaves the starter's session and terminal; needs --directory
          --log-level LEVEL          debug, information (default) or warning
        """;

    private const string DefaultListen = "http://127.0.0.1:7866";
    private const string ListenFlag = "--listen";
    private const string DetachFlag = "--detach";
    private const string PrecisionFlag = "--precision";
    private const string KvPrecisionFlag = "--kv-precision";
    private const string KernelSetFlag = "--kernel-set";
    private const string PinThreadsFlag = "--pin-threads";
    private const string PackedFlag = "--packed";
    private const string LockMemoryFlag = "--lock-memory";
    private const string EnableAddonsFlag = "--enable-addons";
    private const string AddonFlag = "--addon";
    private const string MaxAddonsFlag = "--max-addons";
    private const string MaxAddonRankFlag = "--max-addon-rank";
    private const string AddonBytesFlag = "--addon-memory-bytes";
    private const string MergeAddonFlag = "--merge-addon";

    private static readonly HashSet<string> Flags = new(StringComparer.Ordinal)
    {
        "--id", "--directory", "--model", "--served-model-name", ListenFlag, "--engine", "--threads", "--cores", "--context-length",
        "--memory-bytes", KvPrecisionFlag, "--max-sequences", StepTokensFlag, StepTimeFlag, DecodeShareFlag, "--prefix-cache", "--lease-seconds", "--log-level", "--simulate",
        PrecisionFlag, KernelSetFlag, PinThreadsFlag, PackedFlag, DraftModelFlag, DraftTokensFlag, NgramFlag, AdaptiveFlag,
        AddonFlag, MaxAddonsFlag, MaxAddonRankFlag, AddonBytesFlag, MergeAddonFlag,
    };

    // Those whose effect the simulated engine has not: it would be deceiving to take them.
    private static readonly string[] EngineFlags =
        [PrecisionFlag, KernelSetFlag, PinThreadsFlag, KvPrecisionFlag, StepTokensFlag, StepTimeFlag, LongPromptFlag, DecodeShareFlag, PackedFlag, LockMemoryFlag, MergeAddonFlag, MaxAddonsFlag, MaxAddonRankFlag, AddonBytesFlag,
         DraftModelFlag, DraftTokensFlag, NgramFlag, AdaptiveFlag];

    // Without the switch they would do nothing.
    private static readonly string[] AddonFlags = [MaxAddonsFlag, MaxAddonRankFlag, AddonBytesFlag];

    /// <summary>What the engine's options are called here.</summary>
    public static IReadOnlyDictionary<string, string> OfEngine { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        [nameof(EngineOptions.Threads)] = "--threads",
        [nameof(EngineOptions.PinThreads)] = PinThreadsFlag,
        [nameof(EngineOptions.ContextLength)] = "--context-length",
        [nameof(EngineOptions.MemoryBudgetBytes)] = "--memory-bytes",
        [nameof(EngineOptions.MaxSequences)] = "--max-sequences",
        [nameof(EngineOptions.StepTokens)] = StepTokensFlag,
        [nameof(EngineOptions.StepTime)] = StepTimeFlag,
        [nameof(EngineOptions.LongPrompt)] = LongPromptFlag,
        [nameof(EngineOptions.PrefixCache)] = "--prefix-cache",
        [nameof(EngineOptions.KvPrecision)] = KvPrecisionFlag,
        [nameof(EngineOptions.KernelSet)] = KernelSetFlag,
        [nameof(EngineOptions.Precision)] = PrecisionFlag,
        [nameof(EngineOptions.Packed)] = PackedFlag,
        [nameof(EngineOptions.LockMemory)] = LockMemoryFlag,
        [nameof(EngineOptions.Addons)] = EnableAddonsFlag,
        [nameof(EngineOptions.MergeAddon)] = MergeAddonFlag,
        [nameof(AddonOptions.MaxLoaded)] = MaxAddonsFlag,
        [nameof(AddonOptions.MaxRank)] = MaxAddonRankFlag,
        [nameof(AddonOptions.PoolBytes)] = AddonBytesFlag,
        [nameof(SpeculationOptions.DraftFolder)] = DraftModelFlag,
        [nameof(SpeculationOptions.DraftTokens)] = DraftTokensFlag,
        [nameof(SpeculationOptions.NgramLength)] = NgramFlag,
    };

    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);
    private readonly List<string> _listen = [];
    private readonly List<(string Name, string Folder)> _addons = [];
    private readonly HashSet<string> _switches = new(StringComparer.Ordinal);

    private ReplicaArguments()
    {
    }

    /// <param name="args">What follows <c>stoker replica</c>.</param>
    public static bool TryParse(
        IReadOnlyList<string> args, [NotNullWhen(true)] out ReplicaOptions? options, [NotNullWhen(false)] out string? error)
    {
        try
        {
            var arguments = new ReplicaArguments();
            arguments.Read(args);
            (options, error) = (arguments.ToOptions(), null);
        }
        catch (FormatException wrong) // our own, thrown below
        {
            (options, error) = (null, wrong.Message);
        }

        return options is not null;
    }

    private void Read(IReadOnlyList<string> args)
    {
        for (var index = 0; index < args.Count; index++)
        {
            var (flag, value) = Split(args[index]);
            if (flag is DetachFlag or LockMemoryFlag or EnableAddonsFlag or LongPromptFlag && value is null)
            {
                _switches.Add(flag);
                continue;
            }

            if (!Flags.Contains(flag))
            {
                throw new FormatException($"Unknown option '{flag}'. See stoker replica --help.");
            }

            value ??= ++index < args.Count ? args[index] : throw new FormatException($"{flag} needs a value.");
            if (flag == ListenFlag) _listen.Add(value);
            else if (flag == AddonFlag) _addons.Add(Addon(value));
            else if (!_values.TryAdd(flag, value)) throw new FormatException($"{flag} is given twice; give it once.");
        }
    }

    private static (string Flag, string? Value) Split(string argument) =>
        argument.IndexOf('=', StringComparison.Ordinal) is > 0 and var at && argument.StartsWith("--", StringComparison.Ordinal)
            ? (argument[..at], argument[(at + 1)..])
            : (argument, null);

    private ReplicaOptions ToOptions()
    {
        var engine = _values.GetValueOrDefault("--engine") switch
        {
            null or "stoker" => EngineKind.Stoker,
            "simulated" => EngineKind.Simulated,
            var other => throw new FormatException($"--engine must be stoker or simulated, was '{other}'."),
        };
        var model = _values.GetValueOrDefault("--model");
        if (model is null && engine == EngineKind.Stoker)
        {
            throw new FormatException("--model is required: the folder with the model's files.");
        }

        if (engine != EngineKind.Simulated && _values.ContainsKey("--simulate")) throw new FormatException("--simulate needs --engine simulated.");
        foreach (var flag in EngineFlags)
        {
            if (engine != EngineKind.Stoker && (_values.ContainsKey(flag) || _switches.Contains(flag))) throw new FormatException($"{flag} needs --engine stoker.");
        }

        if (!_switches.Contains(EnableAddonsFlag) && (_addons.Count > 0 ? AddonFlag : AddonFlags.FirstOrDefault(_values.ContainsKey)) is { } lacking)
        {
            throw new FormatException($"{lacking} needs {EnableAddonsFlag}.");
        }

        var directory = _values.GetValueOrDefault("--directory");
        var detach = _switches.Contains(DetachFlag);
        if (detach && directory is null)
        {
            throw new FormatException("--detach needs --directory: the log has nowhere else to go.");
        }

        var lease = Number("--lease-seconds", 0, Hosting.Lease.MostSeconds) ?? 0;
        return new()
        {
            Id = _values.GetValueOrDefault("--id") ?? Guid.NewGuid().ToString("N"),
            Directory = directory,
            Engine = engine,
            Model = model,
            ServedModelName = _values.GetValueOrDefault("--served-model-name") ?? FolderName(model) ?? "simulated",
            Listen = [.. (_listen.Count > 0 ? _listen : [DefaultListen]).Select(Address)],
            Precision = Precision(),
            KernelSet = KernelSet(),
            Threads = (int)(Integer("--threads", 0, 4096) ?? 0),
            PinThreads = Pinning(),
            Cores = Cores(),
            ContextLength = (int?)Integer("--context-length", 1, int.MaxValue),
            MemoryBytes = Integer("--memory-bytes", 1, long.MaxValue),
            KvPrecision = KvPrecisionOf(_values.GetValueOrDefault(KvPrecisionFlag)),
            MaxSequences = (int?)Integer("--max-sequences", 1, 4096),
            StepTokens = (int?)Integer(StepTokensFlag, 1, MostStepTokens),
            LongPrompt = LongPrompt(),
            StepTime = Integer(StepTimeFlag, 0, 60_000) is { } step ? TimeSpan.FromMilliseconds(step) : null,
            PrefixCache = Switch("--prefix-cache", otherwise: true),
            Lease = lease > 0 ? TimeSpan.FromSeconds(lease) : null,
            Detach = detach,
            Packed = Packed(),
            LockMemory = _switches.Contains(LockMemoryFlag),
            EnableAddons = _switches.Contains(EnableAddonsFlag),
            Addons = _addons,
            MaxAddons = (int?)Integer(MaxAddonsFlag, 1, 1024),
            MaxAddonRank = (int?)Integer(MaxAddonRankFlag, 1, 512),
            AddonBytes = Integer(AddonBytesFlag, 1, long.MaxValue),
            MergeAddon = _values.GetValueOrDefault(MergeAddonFlag),
            Speculation = Speculation(),
            LogLevel = Level(),
            Simulated = Simulated(),
        };
    }

    private (string Name, string Folder) Addon(string text) =>
        text.IndexOf('=', StringComparison.Ordinal) is > 0 and var at && at < text.Length - 1
            ? _addons.Exists(addon => addon.Name == text[..at])
                ? throw new FormatException($"{AddonFlag} gives the name '{text[..at]}' twice; give it once.")
                : (text[..at], text[(at + 1)..])
            : throw new FormatException($"{AddonFlag} must be NAME=FOLDER, was '{text}'.");

    private static string? FolderName(string? model) =>
        model is null ? null : Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(model)));

    private static ListenAddress Address(string text) =>
        ListenAddress.TryParse(text, out var address, out var error) ? address : throw new FormatException($"{ListenFlag}: {error}.");

    private ReplicaModelOptions Simulated() =>
        ReplicaModelOptions.TryParse(_values.GetValueOrDefault("--simulate") ?? "", out var options, out var error)
            ? options
            : throw new FormatException($"--simulate: {error}.");

    private static KvPrecision KvPrecisionOf(string? text) => text switch
    {
        null or "auto" => KvPrecision.Auto,
        "f32" => KvPrecision.F32,
        "bf16" => KvPrecision.Bf16,
        "fp8" => KvPrecision.Fp8,
        _ => throw new FormatException($"{KvPrecisionFlag} must be auto, f32, bf16 or fp8, was '{text}'."),
    };

    private Precision Precision()
    {
        if (!_values.TryGetValue(PrecisionFlag, out var text)) return Engine.Precision.Auto;
        return PrecisionNames.TryParse(text, out var precision)
            ? precision
            : throw new FormatException($"{PrecisionFlag} must be one of {string.Join(", ", PrecisionNames.All)}, was '{text}'.");
    }

    private string? KernelSet()
    {
        if (!_values.TryGetValue(KernelSetFlag, out var name)) return null;
        return EngineOptions.KernelSets.Contains(name)
            ? name
            : throw new FormatException($"{KernelSetFlag} must be one of {string.Join(", ", EngineOptions.KernelSets)}, was '{name}'.");
    }

    private PackedUse Packed() => _values.GetValueOrDefault(PackedFlag) switch
    {
        null or "auto" => PackedUse.Auto,
        "never" => PackedUse.Never,
        "require" => PackedUse.Require,
        var other => throw new FormatException($"{PackedFlag} must be auto, never or require, was '{other}'."),
    };

    private LogLevel Level() => _values.GetValueOrDefault("--log-level") switch
    {
        null or "information" => LogLevel.Information,
        "debug" => LogLevel.Debug,
        "warning" => LogLevel.Warning,
        var other => throw new FormatException($"--log-level must be debug, information or warning, was '{other}'."),
    };

    private bool Switch(string flag, bool otherwise) => _values.GetValueOrDefault(flag) switch
    {
        null => otherwise,
        "on" => true,
        "off" => false,
        var other => throw new FormatException($"{flag} must be on or off, was '{other}'."),
    };

    private ThreadPinning Pinning() => _values.GetValueOrDefault(PinThreadsFlag) switch
    {
        null or "auto" => ThreadPinning.Auto,
        "on" => ThreadPinning.On,
        "off" => ThreadPinning.Off,
        var other => throw new FormatException($"{PinThreadsFlag} must be on, off or auto, was '{other}'."),
    };

    private int[] Cores()
    {
        if (!_values.TryGetValue("--cores", out var text)) return [];
        return [.. text.Split(',').Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var core) && core < 4096
            ? core
            : throw new FormatException($"--cores must be core numbers with commas between, such as 0,1; was '{text}'."))];
    }

    private long? Integer(string flag, long least, long most)
    {
        if (!_values.TryGetValue(flag, out var text)) return null;
        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most
            ? value
            : throw new FormatException($"{flag} must be an integer from {least} to {most}, was '{text}'.");
    }

    private double? Number(string flag, double least, double most)
    {
        if (!_values.TryGetValue(flag, out var text)) return null;
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most
            ? value
            : throw new FormatException(FormattableString.Invariant($"{flag} must be a number from {least} to {most}, was '{text}'."));
    }
}
