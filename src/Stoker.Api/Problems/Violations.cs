namespace Stoker.Api.Problems;

/// <summary>Collects every broken rule of a request, so that its sender mends them in one go.</summary>
public sealed class Violations
{
    private readonly List<Violation> _items = [];

    public bool Any => _items.Count > 0;

    public IReadOnlyList<Violation> Items => _items;

    public void Add(string field, string description) => _items.Add(new(field, description));

    public void Require(bool holds, string field, string description)
    {
        if (!holds) Add(field, description);
    }

    /// <summary>Parses a required name or identifier; records why not.</summary>
    public T? Parse<T>(string field, string? text)
        where T : class, IParsable<T>
    {
        if (string.IsNullOrEmpty(text)) Add(field, "is required");
        else if (T.TryParse(text, null, out var value)) return value;
        else Add(field, $"'{Shown(text)}' is no valid name");
        return null;
    }

    public Problem ToProblem() =>
        new(Code.InvalidArgument, string.Join("; ", _items.Select(item => $"{item.Field} {item.Description}")), [.. _items]);

    private static string Shown(string text) => text.Length <= 100 ? text : text[..100] + "...";
}
