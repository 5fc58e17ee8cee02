using System.Globalization;
using System.Text.RegularExpressions;

namespace Stoker.Engine.Models;

/// <summary>
/// The settings of a LoRA adapter; what would change its numbers and is not computed is refused by name.
/// </summary>
internal sealed class PeftConfig
{
    /// <summary>Must be absent or unused: each of them adds weights or changes the formula.</summary>
    private static readonly string[] Unsupported =
    [
        "bias", "lora_bias", "modules_to_save", "use_dora", "fan_in_fan_out", "target_parameters", "trainable_token_indices",
        "layer_replication", "use_qalora", "alora_invocation_tokens", "use_bdlora", "velora_config",
    ];

    /// <summary>
    /// Initialisations that leave the base weights as they are; the others (pissa, olora, corda, ...) need a changed
    /// base.
    /// </summary>
    private static readonly string[] PlainInitialisations = ["gaussian", "eva", "orthogonal"];

    private readonly ConfigObject _config;
    private readonly Regex _targets;
    private readonly Regex? _excluded;
    private readonly IReadOnlyList<(Regex Path, int Value)> _ranks;
    private readonly IReadOnlyList<(Regex Path, double Value)> _alphas;
    private readonly double _alpha;
    private readonly bool _rankStabilised;
    private readonly IReadOnlyList<int> _layers; // empty: all

    private PeftConfig(ConfigObject config)
    {
        _config = config;
        CheckKeys();
        Rank = config.OptionalInteger("r", 1, 1 << 16) ?? 8;
        _alpha = config.OptionalNumber("lora_alpha", 0, 1e6) ?? 8;
        _rankStabilised = config.Flag("use_rslora", absent: false);
        _targets = ModulePattern("target_modules")
            ?? throw config.Fail("target_modules", "is missing: a list of names, or an expression");
        _excluded = ModulePattern("exclude_modules");
        _layers = config.Integers("layers_to_transform", 0, DecoderLimits.MaxLayers);
        _ranks = Patterns("rank_pattern", (entry, key) => entry.Integer(key, 1, 1 << 16));
        _alphas = Patterns("alpha_pattern", (entry, key) => entry.Number(key, 0, 1e6));
    }

    public string? BaseModelName => _config.Text("base_model_name_or_path");

    /// <summary>The rank of modules that rank_pattern does not name.</summary>
    public int Rank { get; }

    public static PeftConfig Read(string folder) => new(ConfigObject.Read(folder, PeftAddon.ConfigFile));

    /// <param name="path">A projection inside of a layer, <c>model.layers.N...</c>.</param>
    public bool Targets(string path) =>
        _targets.IsMatch(path) && _excluded?.IsMatch(path) != true && (_layers.Count == 0 || _layers.Contains(LayerOf(path)));

    /// <summary>The first entry of rank_pattern that matches wins.</summary>
    public int RankOf(string path) => Matching(_ranks, path, Rank);

    /// <summary>What B A is multiplied by: alpha, by the first entry of alpha_pattern that matches, over the rank or its root.</summary>
    public float ScaleOf(string path)
    {
        var (alpha, rank) = (Matching(_alphas, path, _alpha), RankOf(path));
        return (float)(alpha / (_rankStabilised ? Math.Sqrt(rank) : rank));
    }

    private static T Matching<T>(IReadOnlyList<(Regex Path, T Value)> patterns, string path, T otherwise)
    {
        foreach (var (pattern, value) in patterns)
        {
            if (pattern.IsMatch(path))
            {
                return value;
            }
        }

        return otherwise;
    }

    private static int LayerOf(string path) =>
        path.Split('.') is ["model", "layers", var index, ..] && int.TryParse(index, CultureInfo.InvariantCulture, out var layer) ? layer : -1;

    private void CheckKeys()
    {
        if (_config.Text("peft_type") is not "LORA")
        {
            throw _config.Fail("peft_type", $"is '{_config.Text("peft_type")}', only LORA is supported");
        }

        if (_config.Text("task_type") is not (null or "CAUSAL_LM"))
        {
            throw _config.Fail("task_type", $"is '{_config.Text("task_type")}', only CAUSAL_LM is supported");
        }

        if (Unsupported.FirstOrDefault(key => !_config.IsUnused(key)) is { } used)
        {
            throw _config.Fail(used, "is not supported and would change the adapter's results");
        }

        if (_config.IsText("init_lora_weights") && !PlainInitialisations.Contains(_config.Text("init_lora_weights")))
        {
            throw _config.Fail(
                "init_lora_weights", $"'{_config.Text("init_lora_weights")}' changes the base weights; convert the adapter to a plain LoRA");
        }
    }

    /// <summary>A list means paths that are an entry or end in one; a text must match whole paths.</summary>
    private Regex? ModulePattern(string key)
    {
        if (_config.IsText(key))
        {
            var text = _config.Text(key)!;
            return Compile(key, text == "all-linear" ? ".*" : text);
        }

        return _config.Texts(key) is { Count: > 0 } names
            ? Compile(key, $@"(?:.*\.)?(?:{string.Join('|', names.Select(Regex.Escape))})")
            : null;
    }

    private List<(Regex Path, T Value)> Patterns<T>(string key, Func<ConfigObject, string, T> read)
    {
        if (_config.Object(key) is not { } patterns)
        {
            return [];
        }

        return [.. patterns.Keys.Select(pattern => (Compile(key, $@"(?:.*\.)?(?:{pattern})"), read(patterns, pattern)))];
    }

    /// <summary>
    /// An adapter's author writes the expression: the engine without backtracking runs it, so it costs linear time.
    /// </summary>
    private Regex Compile(string key, string pattern)
    {
        try
        {
            return new Regex($@"\A(?:{pattern})\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (Exception error) when (error is ArgumentException or NotSupportedException)
        {
            throw new ModelLoadException(_config.File, key, "is not an expression that can be checked", error);
        }
    }
}
