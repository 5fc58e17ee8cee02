namespace Stoker.Engine.Benchmarking;

/// <summary>What <see cref="EngineBenchmark"/> measures.</summary>
public sealed record BenchmarkOptions
{
    /// <summary>Tokens of the long prompt; lowered to what the context holds.</summary>
    public int PrefillTokens { get; init; } = 512;

    /// <summary>Requests that generate at once, one row of the report for each number.</summary>
    public IReadOnlyList<int> Sequences { get; init; } = [1, 8, 16];

    /// <summary>Tokens that each of them generates in one run; lowered to what the context holds.</summary>
    public int GeneratedTokens { get; init; } = 32;

    /// <summary>Measured runs of each row, after one to warm up.</summary>
    public int Runs { get; init; } = 5;

    /// <exception cref="ArgumentException">A value is out of range; the message names it.</exception>
    internal void Check()
    {
        AtLeast(PrefillTokens, 1, nameof(PrefillTokens));
        AtLeast(GeneratedTokens, 2, nameof(GeneratedTokens));
        AtLeast(Runs, 1, nameof(Runs));
        AtLeast(Sequences.Count, 1, nameof(Sequences));
        foreach (var count in Sequences) AtLeast(count, 1, nameof(Sequences));
    }

    private static void AtLeast(int value, int least, string name)
    {
        if (value < least) throw new ArgumentException($"{name} must be at least {least}, was {value}.", name);
    }
}
