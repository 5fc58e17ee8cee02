using System.Collections;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Stoker.ControlPlane.Storage;
using Stoker.Server.Serving;

namespace Stoker.EndToEnd.Tests.Tidy;

/// <summary>
/// docs/configuration.md ends with a reference made from the option classes; UPDATE_GOLDEN=1 rewrites it.
/// </summary>
public partial class OptionsReferenceTests
{
    private const string Marker =
        "<!-- Generated from the option classes: UPDATE_GOLDEN=1 dotnet test rewrites what follows. -->\n";

    [Fact]
    public void The_reference_says_what_the_options_are()
    {
        var path = Path.Combine(Repository.Root, "docs", "configuration.md");
        var page = File.ReadAllText(path);
        var written = page[..(page.IndexOf(Marker, StringComparison.Ordinal) + Marker.Length)] + Reference();
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1") File.WriteAllText(path, written);
        page.ShouldBe(written, "docs/configuration.md is not what the option classes say; UPDATE_GOLDEN=1 rewrites it");
    }

    private static string Reference()
    {
        Assembly[] assemblies = [typeof(StorageOptions).Assembly, typeof(ServerHost).Assembly];
        var comments = assemblies.SelectMany(assembly => XDocument.Load(Path.ChangeExtension(assembly.Location, ".xml")).Descendants("member"))
            .ToDictionary(member => member.Attribute("name")!.Value, member => Text(member.Element("summary")));
        var text = new StringBuilder();
        var sections = assemblies.SelectMany(assembly => assembly.GetTypes())
            .Select(type => (Type: type, Section: type.GetField("Section", BindingFlags.Public | BindingFlags.Static)?.GetRawConstantValue() as string))
            .Where(found => found.Section is not null)
            .OrderBy(found => found.Section, StringComparer.Ordinal);
        foreach (var (type, section) in sections)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## {section}\n\n| option | default | allowed | meaning |\n|---|---|---|---|\n");
            var defaults = Activator.CreateInstance(type)!;
            foreach (var property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.DeclaringType == type))
            {
                var meaning = comments.GetValueOrDefault($"P:{type.FullName}.{property.Name}", "");
                text.Append(CultureInfo.InvariantCulture, $"| `{property.Name}` | {Shown(property.GetValue(defaults))} | {Allowed(property)} | {meaning} |\n");
            }
        }

        return text.ToString();
    }

    private static string Shown(object? value) => value switch
    {
        null or "" => "",
        string text => $"`{text}`",
        bool flag => flag ? "`true`" : "`false`",
        TimeSpan span => $"`{span:c}`",
        IEnumerable => "",
        IFormattable number => $"`{number.ToString(null, CultureInfo.InvariantCulture)}`",
        _ => "",
    };

    private static string Allowed(PropertyInfo property)
    {
        if (property.GetCustomAttribute<RangeAttribute>() is { } range)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{range.Minimum} to {range.Maximum}");
        }

        if (property.GetCustomAttribute<AllowedValuesAttribute>() is { } values)
        {
            return string.Join(", ", values.Values.Select(value => $"`{value}`"));
        }

        return property.PropertyType == typeof(bool) ? "`true`, `false`" : "";
    }

    private static string Text(XElement? summary)
    {
        if (summary is null) return "";
        var parts = summary.Nodes().Select(node => node switch
        {
            XText text => text.Value,
            XElement { Name.LocalName: "see" } see => $"`{(see.Attribute("cref") ?? see.FirstAttribute)?.Value.Split('.')[^1]}`",
            XElement { Name.LocalName: "c" } code => $"`{code.Value}`",
            XElement other => other.Value,
            _ => "",
        });
        return Spaces().Replace(string.Concat(parts), " ").Trim().Replace("|", "\\|", StringComparison.Ordinal);
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
