using System.Text.Json;

namespace Stoker.Replica.Requests;

/// <summary>A body of <c>/v1/load_lora_adapter</c> or <c>/v1/unload_lora_adapter</c>, under vLLM's names.</summary>
internal sealed record AddonRequest(string Name, string? Folder, bool Replace)
{
    /// <param name="loads">Whether it is to have a folder.</param>
    /// <exception cref="ApiException">The body breaks a rule; the error names the field.</exception>
    public static AddonRequest Parse(ReadOnlySpan<byte> body, bool loads)
    {
        try
        {
            return Read(body, loads);
        }
        catch (JsonException)
        {
            throw new ApiException(ApiError.Invalid(null, "The body must be a JSON object.", "invalid_json"));
        }
    }

    private static AddonRequest Read(ReadOnlySpan<byte> body, bool loads)
    {
        var reader = new Utf8JsonReader(body);
        reader.Read();
        Field.Begin(ref reader, JsonTokenType.StartObject, "body");
        var seen = new HashSet<string>(StringComparer.Ordinal);
        string? name = null, folder = null;
        var replace = false;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var field = Field.Name(ref reader, "body");
            if (!seen.Add(field)) throw Field.Repeated(Field.Shown(field));
            reader.Read();
            switch (field)
            {
                case "lora_name": name = Field.Text(ref reader, field); break;
                case "lora_path" when loads: folder = Field.Text(ref reader, field); break;
                case "load_inplace" when loads: replace = Field.Flag(ref reader, field) ?? false; break;
                default: throw Field.Unknown(Field.Shown(field));
            }
        }

        reader.Read(); // anything after the object throws
        if (name is null) throw Field.Refused("lora_name", "is required");
        if (loads && folder is null) throw Field.Refused("lora_path", "is required: the addon's folder on this machine");
        return new(name, folder, replace);
    }
}
