using System.Collections.Frozen;
using System.Globalization;

namespace Stoker.ControlPlane.Autoscaling;

/// <summary>
/// How much load one replica is to carry, in one or more units. Each unit answers with a count, and the largest wins.
/// </summary>
/// <remarks>Keys: <c>default</c> is a share, 0 to 1, of the sequences that a replica runs at once; the others are per
/// replica.</remarks>
public sealed record LoadTargets
{
    public const string Share = "default";
    public const string Concurrent = "concurrent_requests";
    public const string Requests = "requests_per_second";
    public const string PromptTokens = "prompt_tokens_per_second";
    public const string GeneratedTokens = "tokens_generated_per_second";

    // A load of exactly n replicas must not round up to n + 1 for the last bit of a division.
    private const double Rounding = 1e-9;

    private const double UsualShare = 0.8;

    private static readonly LoadTargets Full = new([new(Share, 1)]);

    private readonly FrozenDictionary<string, double> _targets;

    private LoadTargets(IEnumerable<KeyValuePair<string, double>> targets) => _targets = targets.ToFrozenDictionary();

    /// <summary>All keys, in the order in which messages name them.</summary>
    public static IReadOnlyList<string> Keys { get; } = [Share, GeneratedTokens, PromptTokens, Requests, Concurrent];

    /// <summary>
    /// The hosted platform's: 80 % of the sequences, so that the last fifth takes what comes while a replica starts.
    /// </summary>
    public static LoadTargets Usual { get; } = new([new(Share, UsualShare)]);

    /// <summary>What holds under a rule when no target is given; under auto a replica is filled to the brim.</summary>
    public static LoadTargets UsualOf(ScalingMode mode) => mode == ScalingMode.Auto ? Full : Usual;

    /// <summary>Whether a unit other than concurrency counts.</summary>
    public bool HasRates => _targets.Keys.Any(key => key is Requests or PromptTokens or GeneratedTokens);

    /// <summary>No targets at all mean <see cref="UsualOf"/> the mode.</summary>
    /// <exception cref="ArgumentException">A key is unknown, or a value is not above 0.</exception>
    public static LoadTargets From(IReadOnlyDictionary<string, double> targets, ScalingMode mode = ScalingMode.Windows)
    {
        foreach (var (key, value) in targets)
        {
            if (!Keys.Contains(key)) throw new ArgumentException($"The load target '{key}' is none of {string.Join(", ", Keys)}", nameof(targets));
            if (!double.IsFinite(value) || value <= 0) throw new ArgumentException($"The load target {key} must be above 0, was {value:R}", nameof(targets));
        }

        return targets.Count == 0 ? UsualOf(mode) : new(targets);
    }

    /// <summary>As flags have them, such as <c>default=0.8,requests_per_second=10</c>.</summary>
    public override string ToString() => string.Join(
        ',',
        Keys.Where(_targets.ContainsKey).Select(key => string.Create(CultureInfo.InvariantCulture, $"{key}={_targets[key]}")));

    /// <summary>Whether all that the targets refer to is known.</summary>
    public bool AreKnown(int? sequencesPerReplica) => sequencesPerReplica is not null || !_targets.ContainsKey(Share);

    /// <summary>How many replicas a load needs.</summary>
    /// <param name="sequencesPerReplica">What one replica runs at once; null before the first one was ready, which
    /// then counts as one replica for any load.</param>
    public ReplicaNeed Needed(LoadMeasure load, int? sequencesPerReplica)
    {
        var largest = new ReplicaNeed(0, Share, 0, 0);
        foreach (var key in Keys)
        {
            if (!_targets.TryGetValue(key, out var target)) continue;
            var need = Need(key, Value(key, load), key == Share ? target * sequencesPerReplica : target);
            if (need.Count > largest.Count || largest.PerReplica is 0.0) largest = need;
        }

        return largest;
    }

    private static ReplicaNeed Need(string key, double load, double? perReplica) => perReplica is { } each
        ? new((int)Math.Min(Math.Ceiling((load / each) - Rounding), int.MaxValue), key, load, each)
        : new(load > 0 ? 1 : 0, key, load, null);

    private static double Value(string key, LoadMeasure load) => key switch
    {
        Requests => load.RequestsPerSecond,
        PromptTokens => load.PromptTokensPerSecond,
        GeneratedTokens => load.GeneratedTokensPerSecond,
        _ => load.Concurrent,
    };
}

/// <summary>How many replicas a load needs, and by which target.</summary>
/// <param name="Key">The target that asked for most.</param>
/// <param name="Load">The load in its unit.</param>
/// <param name="PerReplica">What one replica carries of it; null when it is not known yet.</param>
public readonly record struct ReplicaNeed(int Count, string Key, double Load, double? PerReplica);
