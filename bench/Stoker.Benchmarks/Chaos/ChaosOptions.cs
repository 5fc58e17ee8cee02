namespace Stoker.Benchmarks.Chaos;

/// <summary>One run of chaos. The seed decides what is asked, what is killed and when; the machine decides the rest.</summary>
/// <param name="Stoker">The <c>stoker</c> executable.</param>
/// <param name="Firectl">The <c>firectl</c> executable.</param>
/// <param name="Kills">Signals to be sent.</param>
internal sealed record ChaosOptions(string Stoker, string Firectl, int Seed, int Kills)
{
    /// <summary>Deployments that are created, changed and deleted at the same time.</summary>
    public int Deployments { get; init; } = 4;

    /// <summary>Kills between two times at which everything comes to rest and is checked.</summary>
    public int KillsPerRound { get; init; } = 10;

    /// <summary>The longest wait for what must come; only a failing run waits so long.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>Where progress is told; nowhere in a test.</summary>
    public Action<string> Tell { get; init; } = _ => { };
}
