namespace Stoker.Engine.Weights;

/// <summary>Says which tensor of a checkpoint holds a weight that a format cannot.</summary>
internal static class PackFault
{
    public static ModelLoadException Of(PackItem item, WeightRangeException error)
    {
        var row = error.Row;
        foreach (var source in item.Sources)
        {
            if (row < source.Matrix.Rows) return new(source.File, source.Tensor, $"row {row}: {error.Reason}", error);
            row -= source.Matrix.Rows;
        }

        throw new InvalidOperationException($"{item.Name} has no row {error.Row}", error);
    }
}
