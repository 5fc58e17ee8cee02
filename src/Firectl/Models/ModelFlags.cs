using System.CommandLine;
using System.Globalization;
using Stoker.Api.Problems;
using Stoker.Api.Resources;

namespace Firectl.Models;

/// <summary>The flags of a model's own fields.</summary>
internal sealed class ModelFlags : FieldFlags
{
    private readonly Option<string?> _displayName, _description, _github, _huggingFace, _draft, _deprecation, _alternative;
    private readonly Option<int> _draftTokens, _context;
    private readonly Option<bool> _public, _images, _tools, _serverless;

    public ModelFlags()
    {
        _displayName = Text("--display-name", "display_name", "A name for people");
        _description = Text("--description", "description", "What it is");
        _github = Text("--github-url", "github_url", "Its source repository");
        _huggingFace = Text("--hugging-face-url", "hugging_face_url", "Its page");
        _draft = Text("--default-draft-model", "default_draft_model", "The model that drafts for it by default");
        _draftTokens = Number("--default-draft-token-count", "default_draft_token_count", "Tokens drafted at a time");
        _context = Number("--context-length", "context_length", "The longest context it is served with");
        _public = Flag("--public", "public", "Seen by every account; for models of the library alone");
        _images = Flag("--supports-image-input", "supports_image_input", "It takes images");
        _tools = Flag("--supports-tools", "supports_tools", "It was trained to call tools");
        _serverless = Flag("--serverless", "supports_serverless", "The platform serves it to every account; for public base models of the library");
        _deprecation = Text("--deprecation-date", "deprecation_date", "YYYY-MM-DD: the day it leaves the serverless tier, at least 14 days ahead; empty for none");
        _alternative = Text("--alternative", "stoker_alternative", "The serverless model to use instead by then");
    }

    public ModelResource Over(ModelResource under, Invocation invocation) => under with
    {
        DisplayName = invocation.Value(_displayName) ?? under.DisplayName,
        Description = invocation.Value(_description) ?? under.Description,
        GithubUrl = invocation.Value(_github) ?? under.GithubUrl,
        HuggingFaceUrl = invocation.Value(_huggingFace) ?? under.HuggingFaceUrl,
        DefaultDraftModel = invocation.Value(_draft) ?? under.DefaultDraftModel,
        DefaultDraftTokenCount = invocation.Given(_draftTokens) ?? under.DefaultDraftTokenCount,
        ContextLength = invocation.Given(_context) ?? under.ContextLength,
        Public = invocation.Given(_public) ?? under.Public,
        SupportsImageInput = invocation.Given(_images) ?? under.SupportsImageInput,
        SupportsTools = invocation.Given(_tools) ?? under.SupportsTools,
        SupportsServerless = invocation.Given(_serverless) ?? under.SupportsServerless,
        DeprecationDate = Date(invocation.Value(_deprecation)) ?? under.DeprecationDate,
        StokerAlternative = invocation.Value(_alternative) ?? under.StokerAlternative,
    };

    private static DateResource? Date(string? text)
    {
        if (string.IsNullOrEmpty(text)) return null;
        return DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date)
            ? new(date.Year, date.Month, date.Day)
            : throw new ProblemException(Problem.InvalidArgument($"--deprecation-date takes YYYY-MM-DD, or \"\" for none, was '{text}'"));
    }
}
