using System.Text.Json;
using Stoker.Engine;

namespace Stoker.Replica.Requests;

internal enum RequestKind { Text, Chat }

/// <summary>
/// Which of the two shapes log-probabilities are answered in: an integer asks for the legacy one, <c>true</c> for
/// OpenAI's.
/// </summary>
internal enum LogprobsForm { None, Legacy, Content }

/// <summary>A prompt as the client wrote it: text, or token ids that are used as they are.</summary>
internal readonly record struct Prompt(string? Text, int[]? Tokens);

/// <summary>A parsed and range-checked request body. Only <see cref="RequestParser"/> makes one.</summary>
internal sealed record InferenceRequest : IDisposable
{
    /// <summary>What the guide names as the default; shrunk to what the context leaves.</summary>
    public const int DefaultMaxTokens = 2048;

    public required RequestKind Kind { get; init; }

    public string? Model { get; set; }

    /// <summary>The messages in the normal form that templates expect: content is one string.</summary>
    public JsonDocument? Messages { get; set; }

    public List<Prompt> Prompts { get; } = [];

    public SamplingOptions Sampling { get; set; } = SamplingOptions.Unset;

    public int? MaxTokens { get; set; }

    public int MinTokens { get; set; }

    public int Choices { get; set; } = 1;

    public IReadOnlyList<string> Stop { get; set; } = [];

    public bool Stream { get; set; }

    /// <summary>OpenAI's way to ask for usage: a chunk of its own at the end, without choices.</summary>
    public bool IncludeUsage { get; set; }

    public LogprobsForm Logprobs { get; set; }

    public int TopLogprobs { get; set; }

    public bool Echo { get; set; }

    public int? EchoLast { get; set; }

    public bool IgnoreEos { get; set; }

    /// <summary>Refuse a <see cref="MaxTokens"/> that does not fit, instead of lowering it.</summary>
    public bool FailWhenTooLong { get; set; }

    /// <summary>Tokens that the prompt of a conversation is shortened to; null: it is taken as it is.</summary>
    public int? PromptTruncateLength { get; set; }

    public bool RawOutput { get; set; }

    public bool PerfMetrics { get; set; }

    public bool ReturnTokenIds { get; set; }

    public bool SafeTokenization { get; set; }

    /// <summary>What the client expects the answer to be.</summary>
    public Prompt? Prediction { get; set; }

    /// <summary>What the client called it.</summary>
    public string PredictionName { get; set; } = "prediction";

    /// <summary>Its ids, once it is encoded.</summary>
    public int[] PredictionTokens { get; set; } = [];

    public bool DisableSpeculation { get; set; }

    /// <summary>The client's own word on who may share its prefixes.</summary>
    public string? IsolationKey { get; set; }

    /// <summary>Made of it and of the owner's salt; see <see cref="Requests.CacheSalt"/>.</summary>
    public string? CacheSalt { get; set; }

    /// <summary>The answer's tokens that the client has from another replica.</summary>
    public int[]? Answered { get; set; }

    /// <summary>What the gateway says of it; null where it asks for nothing.</summary>
    public Resumption? Resume { get; set; }

    /// <summary>Digest of the addon that its model name stands for; null: the base model.</summary>
    public string? Addon { get; set; }

    /// <summary>Our own and no client's; see <see cref="GenerationRequest.IsProbe"/>.</summary>
    public bool IsProbe { get; set; }

    /// <summary>The engine's form of it for one of the prompts.</summary>
    public GenerationRequest ToGeneration(IReadOnlyList<int> promptTokens, string id) => new()
    {
        Id = id,
        PromptTokens = promptTokens,
        Sampling = Sampling,
        MaxTokens = Resume?.First?.MaxTokens ?? MaxTokens ?? DefaultMaxTokens,
        FitMaxTokens = Resume?.First is null && (!FailWhenTooLong || MaxTokens is null),
        MinTokens = MinTokens,
        Stop = Stop,
        Choices = Choices,
        Logprobs = Logprobs == LogprobsForm.None ? null : TopLogprobs,
        Echo = Echo,
        EchoLast = EchoLast,
        IgnoreEos = IgnoreEos,
        CacheSalt = CacheSalt,
        Addon = Addon,
        IsProbe = IsProbe,
        Answered = Answered ?? [],
        Prediction = PredictionTokens,
        DisableSpeculation = DisableSpeculation,
    };

    /// <summary>
    /// Lets go of the prompt's text: from its token ids on nobody needs it, and an answer may take minutes.
    /// </summary>
    public void ReleaseInput()
    {
        Messages?.Dispose();
        (Messages, Prediction) = (null, null);
        Prompts.Clear();
    }

    public void Dispose() => ReleaseInput();
}
