using System.Globalization;

namespace Stoker.Engine.Templates;

/// <summary>
/// The <c>attribute</c> argument of filters: names joined by dots, where digits are indexes; or one index.
/// </summary>
internal static class AttributePath
{
    /// <param name="missing">Stands in for an undefined step when not None.</param>
    public static object? Get(RenderContext context, object? item, object? path, object? missing = null)
    {
        if (path is not Text text) return Step(context, item, path, missing);
        context.ChargeText(text.Length);
        foreach (var part in text.Value.Split('.'))
        {
            object? key = long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var index) ? index : Text.Template(part);
            item = Step(context, item, key, missing);
        }
        return item;
    }

    private static object? Step(RenderContext context, object? item, object? key, object? missing)
    {
        context.Step();
        var value = ValueAccess.Item(context, item, key);
        return value is Undefined && missing is not null ? missing : value;
    }
}
