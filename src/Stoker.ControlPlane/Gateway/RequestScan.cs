using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;

namespace Stoker.ControlPlane.Gateway;

/// <summary>What the gateway needs to know of a body, and where the model's name stands in it.</summary>
/// <param name="Model">The name as the client means it, escapes resolved.</param>
/// <param name="ModelStart">First byte of the JSON string, its quote included.</param>
/// <param name="ModelEnd">The byte after its closing quote.</param>
internal sealed record ScannedRequest(string Model, int ModelStart, int ModelEnd, bool Stream)
{
    /// <summary>Where the fields stand that the choice of a replica goes by.</summary>
    public RoutingFields Routing { get; init; }
}

/// <summary>Values of top-level fields, as they stand in the body.</summary>
/// <param name="Prompt"><c>messages</c> or <c>prompt</c>.</param>
/// <param name="Tools"><c>tools</c> or <c>functions</c>, which templates put before the messages.</param>
internal readonly record struct RoutingFields(FieldSpan Prompt, FieldSpan Tools, FieldSpan CacheKey, FieldSpan User, FieldSpan IsolationKey);

/// <summary>From a value's first byte to the byte after its last; both 0 when the field is not there.</summary>
internal readonly record struct FieldSpan(int Start, int End)
{
    public bool IsThere => End > Start;

    public ReadOnlySpan<byte> Of(ReadOnlySpan<byte> body) => body[Start..End];
}

/// <summary>One pass over an inference request's body: is it sound, and what does it name?</summary>
/// <remarks>
/// Keys are compared with their escapes resolved, and none may come twice: JSON parsers disagree about which one
/// counts, and what was authorised has to be what runs. Errors give positions and names of keys, never values. Only
/// names of keys are echoed, cut to
/// <see cref="RequestFields.MaxNameLength"/>.
/// </remarks>
internal ref struct RequestScan
{
    private readonly Surface _surface;
    private readonly bool _relaxed;
    private Utf8JsonReader _reader;
    private UInt128 _seen; // one bit for each known field
    private HashSet<string>? _unknownSeen;
    private string? _model;
    private int _modelStart;
    private int _modelEnd;
    private bool _stream;
    private RoutingFields _routing;

    private RequestScan(ReadOnlySpan<byte> body, Surface surface, GatewayOptions options)
    {
        _surface = surface;
        _relaxed = options.RelaxUnknownFields;
        _reader = new(body, new JsonReaderOptions { MaxDepth = options.MaxDepth });
    }

    /// <returns>The error to answer with, or null when <paramref name="request"/> is set.</returns>
    public static InferenceError? Run(ReadOnlySpan<byte> body, Surface surface, GatewayOptions options, out ScannedRequest? request)
    {
        request = null;
        // The reader lets invalid UTF-8 inside of strings pass that nobody reads.
        if (!Utf8.IsValid(body)) return InferenceError.Invalid("The body is not valid UTF-8");
        var scan = new RequestScan(body, surface, options);
        try
        {
            if (scan.ReadFields() is { } error) return error;
        }
        catch (JsonException error)
        {
            // Not the exception's message: it may quote the body.
            var (line, column) = (error.LineNumber + 1, error.BytePositionInLine + 1);
            return InferenceError.Invalid(string.Create(
                CultureInfo.InvariantCulture,
                $"The body is not valid JSON, or nested deeper than {options.MaxDepth} levels, at line {line}, byte {column}"));
        }

        if (scan._model is null)
        {
            return InferenceError.Invalid("model is required: name a model or deployment", "model");
        }

        request = new(scan._model, scan._modelStart, scan._modelEnd, scan._stream) { Routing = scan._routing };
        return null;
    }

    private InferenceError? ReadFields()
    {
        _reader.Read();
        if (_reader.TokenType != JsonTokenType.StartObject)
        {
            return InferenceError.Invalid("The body must be a JSON object");
        }

        while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
        {
            if (ReadField() is { } error) return error;
        }

        _reader.Read(); // throws when anything but white space follows
        return null;
    }

    private InferenceError? ReadField()
    {
        Span<char> text = stackalloc char[RequestFields.MaxNameLength];
        if (!TryReadName(text, out var length)) return Extra(LongName());
        var name = text[..length];
        var field = RequestFields.Find(name, _surface);
        if (RequestFields.IsInternal(name) || (field is null && !_relaxed)) return Extra(name.ToString());
        if (!MarkSeen(field, name))
        {
            return InferenceError.Invalid($"Field '{name}' is there twice: send it once", name.ToString());
        }

        _reader.Read();
        switch (name)
        {
            case "model": return ReadModel();
            case "stream": return ReadStream();
            case "messages" or "prompt": _routing = _routing with { Prompt = ReadSpan() }; return null;
            case "tools" or "functions": _routing = _routing with { Tools = ReadSpan() }; return null;
            case "prompt_cache_key": _routing = _routing with { CacheKey = ReadText() }; return null;
            case "user": _routing = _routing with { User = ReadText() }; return null;
            case "prompt_cache_isolation_key": _routing = _routing with { IsolationKey = ReadText() }; return null;
            default: _reader.Skip(); return null;
        }
    }

    private FieldSpan ReadSpan()
    {
        var start = (int)_reader.TokenStartIndex;
        _reader.Skip();
        return new(start, (int)_reader.BytesConsumed);
    }

    /// <summary>What is no text is the replica's to refuse, and an empty one says nothing.</summary>
    private FieldSpan ReadText()
    {
        var isText = _reader.TokenType == JsonTokenType.String && _reader.ValueSpan.Length > 0;
        var span = ReadSpan();
        return isText ? span : default;
    }

    private InferenceError? ReadModel()
    {
        if (_reader.TokenType != JsonTokenType.String) return InferenceError.Invalid("model must be a string", "model");
        (_modelStart, _modelEnd) = ((int)_reader.TokenStartIndex, (int)_reader.BytesConsumed);
        try
        {
            _model = _reader.GetString();
            return null;
        }
        catch (InvalidOperationException)
        {
            return InferenceError.Invalid("model holds half of a surrogate pair", "model");
        }
    }

    private InferenceError? ReadStream()
    {
        _stream = _reader.TokenType == JsonTokenType.True;
        return _stream || _reader.TokenType is JsonTokenType.False or JsonTokenType.Null
            ? null
            : InferenceError.Invalid("stream must be true or false", "stream");
    }

    private bool MarkSeen(RequestField? field, scoped ReadOnlySpan<char> name)
    {
        if (field is null) return (_unknownSeen ??= []).Add(name.ToString());
        var bit = UInt128.One << field.Index;
        var isNew = (_seen & bit) == 0;
        _seen |= bit;
        return isNew;
    }

    /// <summary>
    /// The key with escapes resolved; false when it is longer than any key of the surface, or no text at all.
    /// </summary>
    private readonly bool TryReadName(Span<char> buffer, out int length)
    {
        length = 0;
        // An escape has six bytes at most for one character, and no character has fewer bytes than one.
        if (_reader.ValueSpan.Length > buffer.Length * (_reader.ValueIsEscaped ? 6 : 1)) return false;
        try
        {
            length = _reader.CopyString(buffer);
            return true;
        }
        catch (Exception error) when (error is ArgumentException or InvalidOperationException)
        {
            return false; // too long once more, or half of a surrogate pair
        }
    }

    private readonly string LongName()
    {
        var shown = _reader.ValueSpan[..Math.Min(_reader.ValueSpan.Length, RequestFields.MaxNameLength)];
        return System.Text.Encoding.UTF8.GetString(shown) + "...";
    }

    private static InferenceError Extra(string name) =>
        InferenceError.Invalid($"Extra inputs are not permitted, field: '{name}'", name);
}
