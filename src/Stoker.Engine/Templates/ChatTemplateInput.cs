using System.Text.Json;

namespace Stoker.Engine.Templates;

/// <summary>What one rendering sees.</summary>
public sealed record ChatTemplateInput
{
    /// <summary>The conversation: an array of objects in the OpenAI form.</summary>
    public required JsonElement Messages { get; init; }

    /// <summary>Tool definitions (an array), or null for none; an empty array counts as none.</summary>
    public JsonElement? Tools { get; init; }

    /// <summary>Documents for templates that ground answers in them (an array), or null for none.</summary>
    public JsonElement? Documents { get; init; }

    /// <summary>End with the opening of an assistant turn, so that the model answers.</summary>
    public bool AddGenerationPrompt { get; init; }

    /// <summary>
    /// End inside the last message, so that the model goes on with it; excludes <see cref="AddGenerationPrompt"/>.
    /// </summary>
    public bool ContinueFinalMessage { get; init; }

    /// <summary>Further variables (<c>chat_template_kwargs</c>): an object, or null for none.</summary>
    public JsonElement? Arguments { get; init; }

    /// <summary>The clock behind <c>strftime_now</c>; the system's when null.</summary>
    public TimeProvider? Time { get; init; }
}
