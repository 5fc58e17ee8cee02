using System.Globalization;

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
    private readonly ModulePatterns<bool> _targets;
    private readonly ModulePatterns<bool>? _excluded;
    private readonly ModulePatterns<int> _ranks;
    private readonly ModulePatterns<double> _alphas;
    private readonly double _alpha;
    private readonly bool _rankStabilised;
    private readonly HashSet<int> _layers; // empty: all

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
        _layers = [.. config.Integers("layers_to_transform", 0, DecoderLimits.MaxLayers)];
        _ranks = Patterns("rank_pattern", (entry, key) => entry.Integer(key, 1, 1 << 16));
        _alphas = Patterns("alpha_pattern", (entry, key) => entry.Number(key, 0, 1e6));
    }

    public string? BaseModelName => _config.Text("base_model_name_or_path");

    /// <summary>The rank of modules that rank_pattern does not name.</summary>
    public int Rank { get; }

    public static PeftConfig Read(string folder) => new(ConfigObject.Read(folder, PeftAddon.ConfigFile));

    /// <param name="path">A projection inside of a layer, <c>model.layers.N...</c>.</param>
    public bool Targets(string path) =>
        _targets.Find(path, otherwise: false) && _excluded?.Find(path, otherwise: false) != true && (_layers.Count == 0 || _layers.Contains(LayerOf(path)));

    /// <summary>The first entry of rank_pattern that matches wins.</summary>
    public int RankOf(string path) => _ranks.Find(path, Rank);

    /// <summary>What B A is multiplied by: alpha, by the first entry of alpha_pattern that matches, over the rank or its root.</summary>
    public float ScaleOf(string path)
    {
        var (alpha, rank) = (_alphas.Find(path, _alpha), RankOf(path));
        return (float)(alpha / (_rankStabilised ? Math.Sqrt(rank) : rank));
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
    private ModulePatterns<bool>? ModulePattern(string key)
    {
        var patterns = new ModulePatterns<bool>(_config, key);
        if (_config.IsText(key))
        {
            var text = _config.Text(key)!;
            patterns.AddExpression(text == "all-linear" ? ".*" : text, value: true);
            return patterns;
        }

        var names = _config.Texts(key) ?? [];
        foreach (var name in names) patterns.AddName(name, value: true);
        return names.Count > 0 ? patterns : null;
    }

    private ModulePatterns<T> Patterns<T>(string key, Func<ConfigObject, string, T> read)
    {
        var patterns = new ModulePatterns<T>(_config, key);
        if (_config.Object(key) is not { } entries) return patterns;
        foreach (var pattern in entries.Keys) patterns.AddEnd(pattern, read(entries, pattern));
        return patterns;
    }
}
