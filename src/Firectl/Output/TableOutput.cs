using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Firectl.Output;

/// <summary>A column: its heading, and the camelCase path of its value in the resource.</summary>
internal sealed record Column(string Heading, string Path);

/// <summary>
/// A list of resources as an aligned table, then the page line and the total, as the hosted tool prints them.
/// </summary>
internal static class TableOutput
{
    public static string Write(IReadOnlyList<JsonObject> rows, IReadOnlyList<Column> columns, string pageLine, int totalSize)
    {
        var cells = rows.Select(row => columns.Select(column => Cell(row, column)).ToArray()).Prepend([.. columns.Select(column => column.Heading)]).ToList();
        var widths = columns.Select((_, i) => cells.Max(row => row[i].Length)).ToArray();
        var text = new StringBuilder();
        foreach (var row in cells)
        {
            text.Append(string.Join("  ", row.Select((cell, i) => cell.PadRight(widths[i]))).TrimEnd()).Append('\n');
        }

        return text.Append(CultureInfo.InvariantCulture, $"\n{pageLine}\nTotal size: {totalSize}\n").ToString();
    }

    private static string Cell(JsonObject row, Column column)
    {
        JsonNode? node = row;
        var parts = column.Path.Split('.');
        foreach (var part in parts) node = (node as JsonObject)?[part];
        return TextOutput.Value(parts[^1], node).ReplaceLineEndings(" ");
    }
}
