namespace Stoker.Engine.Weights;

/// <summary>A weight holds a value that its format cannot hold. Who packs knows the weight's name and adds it.</summary>
/// <param name="row">Of the stacked rows.</param>
internal sealed class WeightRangeException(int row, string reason) : Exception($"row {row}: {reason}")
{
    public int Row => row;

    public string Reason => reason;
}
