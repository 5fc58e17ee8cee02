using System.Text.Json;

namespace Stoker.Engine.Templates;

/// <summary>A model's chat template: turns a conversation into the text that the model was trained on.</summary>
/// <remarks>
/// The template language is the subset of Jinja that published templates use, run in a sandbox: limits on steps,
/// nesting, text and lists, no access to anything but the input. Safe for concurrent use.
/// <para>The rendered text already holds the model's opening token: encode it without adding special tokens.</para>
/// </remarks>
public sealed class ChatTemplate
{
    private static readonly HashSet<string> ReservedNames = new(StringComparer.Ordinal)
    {
        "messages", "tools", "documents", "add_generation_prompt", "continue_final_message",
    };

    private readonly ParsedTemplate _default;
    private readonly ParsedTemplate? _toolUse;
    private readonly IReadOnlyDictionary<string, object?> _specialTokens;
    private readonly TemplateLimits _limits;

    internal ChatTemplate(ParsedTemplate defaultTemplate, ParsedTemplate? toolUse,
        IReadOnlyDictionary<string, object?> specialTokens, TemplateLimits? limits = null) =>
        (_default, _toolUse, _specialTokens, _limits) = (defaultTemplate, toolUse, specialTokens, limits ?? TemplateLimits.Default);

    /// <summary>A template given as text, such as one that comes with a request.</summary>
    /// <param name="specialTokens">Variables such as <c>bos_token</c>; none when null.</param>
    /// <exception cref="TemplateException">The source is no template, or uses what is not supported; the message names
    /// the line.</exception>
    public static ChatTemplate Parse(string source, IReadOnlyDictionary<string, string>? specialTokens = null) =>
        Parse(source, specialTokens, TemplateLimits.Default);

    internal static ChatTemplate Parse(string source, IReadOnlyDictionary<string, string>? specialTokens, TemplateLimits limits)
    {
        var tokens = (specialTokens ?? new Dictionary<string, string>())
            .ToDictionary(token => token.Key, token => (object?)Text.Template(token.Value), StringComparer.Ordinal);
        return new(ParsedTemplate.Parse(source, limits), null, tokens, limits);
    }

    /// <summary>The template of a model folder in the Hugging Face layout, or null when the model has none.</summary>
    /// <exception cref="ModelLoadException">A file cannot be read or parsed; the message names it, and the line if
    /// there is one.</exception>
    public static ChatTemplate? Load(string modelFolder) => ChatTemplateFiles.Load(modelFolder);

    /// <exception cref="TemplateException">The template refuses the input, or it or the input is at fault, or a limit
    /// is reached.</exception>
    public string Render(ChatTemplateInput input) => RenderText(input).Value;

    /// <summary>
    /// The same text in runs of one origin, so that special tokens in user data can be encoded as plain text.
    /// </summary>
    /// <remarks>
    /// Tracked through concatenation, slicing, splitting, joining, trimming, replacing, case, formatting and tojson.
    /// Roles of the chat format count as template text, since templates build control tokens from them; everything else
    /// from the request is user data, and so is text whose origin an operation blurs.
    /// </remarks>
    public IReadOnlyList<TemplatePiece> RenderPieces(ChatTemplateInput input)
    {
        var text = RenderText(input);
        var (pieces, at) = (new List<TemplatePiece>(), 0);
        foreach (var span in text.UserSpans)
        {
            if (span.Start > at) pieces.Add(new(text.Value[at..span.Start], IsUserData: false));
            pieces.Add(new(text.Value[span.Start..span.End], IsUserData: true));
            at = span.End;
        }
        if (at < text.Length) pieces.Add(new(text.Value[at..], IsUserData: false));
        return pieces;
    }

    private Text RenderText(ChatTemplateInput input)
    {
        if (input is { ContinueFinalMessage: true, AddGenerationPrompt: true })
            throw new TemplateException("continue_final_message and add_generation_prompt exclude each other");
        var context = new RenderContext(_limits, input.Time ?? TimeProvider.System);
        var tools = ChatMessages.OptionalArray(context, input.Tools, "tools");
        var template = tools is not null && _toolUse is not null ? _toolUse : _default;
        var marker = input.ContinueFinalMessage ? ChatMessages.UnusedMarker(input.Messages) : null;
        var messages = ChatMessages.From(context, input.Messages, template.IteratesContent, marker);
        var globals = Variables(context, input);
        globals.Set("messages", messages);
        globals.Set("tools", tools);
        globals.Set("documents", ChatMessages.OptionalArray(context, input.Documents, "documents"));
        globals.Set("add_generation_prompt", input.AddGenerationPrompt);
        var text = new Renderer(context).Render(template.Statements, globals);
        return marker is null ? text : CutAt(text, marker);
    }

    private Scope Variables(RenderContext context, ChatTemplateInput input)
    {
        var globals = Globals.Create();
        foreach (var (name, value) in _specialTokens) globals.Set(name, value);
        if (input.Arguments is not { } arguments || arguments.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined) return globals;
        if (JsonValues.From(context, arguments, isUserData: true) is not TemplateMap map)
            throw new TemplateException("chat_template_kwargs must be an object");
        foreach (var (key, value) in map)
        {
            var name = ((Text)key!).Value;
            if (ReservedNames.Contains(name))
            {
                throw new TemplateException($"chat_template_kwargs cannot set '{name}'; use the request's own field");
            }

            globals.Set(name, value);
        }
        return globals;
    }

    private static Text CutAt(Text text, string marker)
    {
        var at = text.Value.LastIndexOf(marker, StringComparison.Ordinal);
        return at >= 0
            ? text.Slice(0, at)
            : throw new TemplateException("the last message cannot be continued: the chat template does not show the end of its content");
    }
}
