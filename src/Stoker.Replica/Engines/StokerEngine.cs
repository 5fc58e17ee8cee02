using System.Text.Json;
using Stoker.Engine;
using Stoker.Engine.Templates;
using Stoker.Engine.Tokenization;
using Stoker.Replica.Answers;
using Stoker.Replica.Requests;

namespace Stoker.Replica.Engines;

/// <summary>Stoker's own engine, with the model's tokenizer and chat template.</summary>
internal sealed class StokerEngine(InferenceEngine engine, int maxSequences, TimeProvider time, AddonNames? addons = null) : IReplicaEngine
{
    private const int TailTokens = 8; // of the prompt; what decides how a text is cut is nearer

    private readonly Tokenizer _tokenizer = engine.Tokenizer;

    public int ContextLength => engine.ContextLength;

    public int MaxSequences => maxSequences;

    public long? CacheTokens { get; init; }

    public int VocabularySize => _tokenizer.VocabularySize;

    public bool SupportsChat => engine.ChatTemplate is not null;

    public SamplingOptions DefaultSampling => engine.DefaultSampling;

    public EngineStatistics Statistics => engine.Statistics;

    public AddonNames? Addons => addons;

    public double? MeasureReadBandwidth() => engine.MeasureReadBandwidth();

    public IReadOnlyList<string> LoadNotes => engine.LoadNotes;

    public int[] EncodeText(string text) => _tokenizer.Encode(text, addSpecialTokens: true);

    /// <remarks>
    /// How a text is cut may depend on what stands before it, so the prompt's end is encoded with it and left out again. Where the two cannot
    /// be told apart (a token reaches over the seam) the text is encoded alone.
    /// </remarks>
    public int[] EncodeContinuation(string text, ReadOnlySpan<int> prompt)
    {
        var tail = prompt[^Math.Min(prompt.Length, TailTokens)..];
        var whole = Encode(Decode(tail) + text);
        return whole.AsSpan().StartsWith(tail) ? whole[tail.Length..] : Encode(text);
    }

    public int[] EncodeChat(JsonElement messages, bool safeTokenization)
    {
        var input = new ChatTemplateInput { Messages = messages, AddGenerationPrompt = true, Time = time };
        try
        {
            return safeTokenization
                ? EncodeSafely(engine.ChatTemplate!.RenderPieces(input))
                : Encode(engine.ChatTemplate!.Render(input));
        }
        catch (TemplateException refused)
        {
            throw new ApiException(ApiError.Invalid("messages", $"The model's chat template refused the messages: {refused.Message}"));
        }
    }

    public string Decode(ReadOnlySpan<int> tokens) => _tokenizer.Decode(tokens, skipSpecialTokens: false);

    public IReplicaGeneration Submit(GenerationRequest request) => new Running(engine.Submit(request));

    /// <summary>The only inference that is not a client's.</summary>
    public async Task ProveAsync(CancellationToken cancellation)
    {
        try
        {
            await FirstAnswer.StreamAsync(this, time, cancellation);
        }
        catch (ApiException failed)
        {
            throw new ModelLoadException("model", null, $"the loaded model failed its first step: {failed.GetBaseException().Message}", failed);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await engine.DisposeAsync();
        addons?.Dispose();
    }

    // The template writes the model's opening token itself: adding it again would double it.
    private int[] Encode(string text) => _tokenizer.Encode(text, addSpecialTokens: false);

    /// <summary>
    /// Piece by piece only where users wrote special tokens: cutting elsewhere would change how harmless text is split.
    /// </summary>
    private int[] EncodeSafely(IReadOnlyList<TemplatePiece> pieces)
    {
        if (!pieces.Any(piece => piece.IsUserData && HasSpecialTokens(piece.Text)))
        {
            return Encode(string.Concat(pieces.Select(piece => piece.Text)));
        }

        var tokens = new List<int>();
        foreach (var piece in pieces) _tokenizer.Encode(piece.Text, tokens, addSpecialTokens: false, parseSpecialTokens: !piece.IsUserData);
        return [.. tokens];
    }

    private bool HasSpecialTokens(string text) => !_tokenizer.Encode(text, addSpecialTokens: false, parseSpecialTokens: true)
        .AsSpan().SequenceEqual(_tokenizer.Encode(text, addSpecialTokens: false, parseSpecialTokens: false));

    private sealed class Running(Generation generation) : IReplicaGeneration
    {
        public int MaxTokens => generation.MaxTokens;

        public int CachedTokens => generation.CachedTokens;

        public async IAsyncEnumerable<GenerationEvent> ReadAsync(
            [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
        {
            await foreach (var item in generation.WithCancellation(cancellation)) yield return item;
        }

        public ValueTask DisposeAsync() => generation.DisposeAsync();
    }
}
