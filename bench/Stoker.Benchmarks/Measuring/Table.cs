namespace Stoker.Benchmarks.Measuring;

/// <summary>A table that prints each row as it is known, since a bench takes minutes; first column to the left, figures to the right.</summary>
internal sealed class Table
{
    private readonly int[] _widths;

    public Table(params (string Title, int Width)[] columns)
    {
        _widths = [.. columns.Select(column => Math.Max(column.Width, column.Title.Length))];
        Row([.. columns.Select(column => column.Title)]);
        Row([.. _widths.Select(width => new string('-', width))]);
    }

    public void Row(params string[] cells)
    {
        var padded = cells.Select((cell, index) => index == 0 ? cell.PadRight(_widths[index]) : cell.PadLeft(_widths[index]));
        Console.WriteLine(string.Join("  ", padded).TrimEnd());
    }
}
