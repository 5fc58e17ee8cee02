namespace Stoker.Benchmarks.Comparing;

/// <summary>One of our precisions and the peer's type that it is held against: about the same bytes a weight.</summary>
/// <param name="LeastCosine">
/// Of both sides' logits on random weights, below which they do not compute the same model. Measured: see
/// <see cref="CompareBench"/>.
/// </param>
internal sealed record WeightClass(string Name, string PeerType, double LeastCosine)
{
    public static readonly WeightClass[] All =
    [
        new("bf16", "bf16", 0.999),
        new("int8", "q8_0", 0.99),
        new("fp8", "q8_0", 0.98),
        new("fp4", "q4_0", 0.6),
    ];

    public static string[] Names => [.. All.Select(each => each.Name)];

    public static WeightClass Find(string name) => All.First(each => each.Name == name);
}
