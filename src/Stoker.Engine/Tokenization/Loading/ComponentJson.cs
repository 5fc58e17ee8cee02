using System.Text.Json;

namespace Stoker.Engine.Tokenization.Loading;

/// <summary>One component of tokenizer.json. Every reading checks the type and names the place in its error.</summary>
internal readonly record struct ComponentJson(JsonElement Json, string Path)
{
    public bool IsNull => Json.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined;

    public string Type => Text("type");

    public ModelLoadException Error(string reason) => new(TokenizerFile.Name, Path, reason);

    /// <summary>The error for a component that is well-formed but not among those that are implemented.</summary>
    public ModelLoadException Unsupported(string what, string known) =>
        Error($"{what} '{Type}' is not supported; supported are {known}");

    public ComponentJson Member(string name)
    {
        if (Json.ValueKind != JsonValueKind.Object) throw Error($"an object was expected, found {Json.ValueKind}");
        return new ComponentJson(Json.TryGetProperty(name, out var value) ? value : default, $"{Path}.{name}");
    }

    public string Text(string name) => Member(name).AsText();

    public string AsText()
    {
        if (Json.ValueKind != JsonValueKind.String) throw Error($"a string was expected, found {Found}");
        try
        {
            return Json.GetString()!;
        }
        catch (InvalidOperationException error)
        {
            // half a surrogate pair
            throw new ModelLoadException(TokenizerFile.Name, Path, "is not valid Unicode", error);
        }
    }

    public bool Flag(string name, bool absent)
    {
        var member = Member(name);
        return member.Json.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => member.IsNull ? absent : throw member.Error($"true or false was expected, found {member.Found}"),
        };
    }

    public int Count(string name)
    {
        var member = Member(name);
        return member.Json.ValueKind == JsonValueKind.Number && member.Json.TryGetInt32(out var value) && value >= 0
            ? value
            : throw member.Error($"a number from 0 to {int.MaxValue} was expected, found {member.Found}");
    }

    public IEnumerable<ComponentJson> Items(string name) => Member(name).Elements();

    /// <summary>The items of this array.</summary>
    /// <remarks>No LINQ: its code over a type of ours is not compiled ahead, and this runs at every start.</remarks>
    public IEnumerable<ComponentJson> Elements()
    {
        if (Json.ValueKind != JsonValueKind.Array) throw Error($"an array was expected, found {Found}");
        return Walk();
    }

    private IEnumerable<ComponentJson> Walk()
    {
        var index = 0;
        foreach (var item in Json.EnumerateArray()) yield return new ComponentJson(item, $"{Path}[{index++}]");
    }

    /// <summary>Refuses an option that is set to something this engine does not do.</summary>
    public void RequireAbsent(string name, string reason)
    {
        if (Member(name) is { IsNull: false } member) throw member.Error(reason);
    }

    private string Found => IsNull ? "nothing" : Json.ValueKind.ToString();
}
