using System.CommandLine;
using Stoker.Api.Resources;

namespace Firectl.Models;

/// <summary>The flags of a model's own fields, shared by create and update.</summary>
internal sealed class ModelFlags
{
    private readonly List<(Option Option, string Path)> _paths = [];
    private readonly Option<string?> _displayName, _description, _github, _huggingFace, _draft;
    private readonly Option<int> _draftTokens, _context;
    private readonly Option<bool> _public, _images, _tools;

    public ModelFlags()
    {
        _displayName = Add(new Option<string?>("--display-name") { Description = "A name for people" }, "display_name");
        _description = Add(new Option<string?>("--description") { Description = "What it is" }, "description");
        _github = Add(new Option<string?>("--github-url") { Description = "Its source repository" }, "github_url");
        _huggingFace = Add(new Option<string?>("--hugging-face-url") { Description = "Its page" }, "hugging_face_url");
        _draft = Add(new Option<string?>("--default-draft-model") { Description = "The model that drafts for it by default" }, "default_draft_model");
        _draftTokens = Add(new Option<int>("--default-draft-token-count") { Description = "Tokens drafted at a time" }, "default_draft_token_count");
        _context = Add(new Option<int>("--context-length") { Description = "The longest context it is served with" }, "context_length");
        _public = Add(new Option<bool>("--public") { Description = "Seen by every account; for models of the library alone" }, "public");
        _images = Add(new Option<bool>("--supports-image-input") { Description = "It takes images" }, "supports_image_input");
        _tools = Add(new Option<bool>("--supports-tools") { Description = "It was trained to call tools" }, "supports_tools");
    }

    public void AddTo(Command command)
    {
        foreach (var (option, _) in _paths) command.Options.Add(option);
    }

    public string Mask(Invocation invocation) =>
        string.Join(',', _paths.Where(item => invocation.IsGiven(item.Option)).Select(item => item.Path));

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
    };

    private TOption Add<TOption>(TOption option, string path)
        where TOption : Option
    {
        _paths.Add((option, path));
        return option;
    }
}
