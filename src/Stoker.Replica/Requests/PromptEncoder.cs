using Stoker.Replica.Engines;

namespace Stoker.Replica.Requests;

/// <summary>A request's prompts as token ids.</summary>
internal static class PromptEncoder
{
    /// <exception cref="ApiException">An id outside the vocabulary, no chat template, or a template that refuses the
    /// messages.</exception>
    public static IReadOnlyList<int[]> Encode(IReplicaEngine engine, InferenceRequest request)
    {
        var prompts = request.Kind == RequestKind.Chat ? [EncodeChat(engine, request)] : EncodeTexts(engine, request);
        if (request.Prediction is { } prediction) request.PredictionTokens = prediction.Tokens ?? engine.EncodeContinuation(prediction.Text!, prompts[0]);
        return prompts;
    }

    private static int[][] EncodeTexts(IReplicaEngine engine, InferenceRequest request)
    {
        var prompts = new int[request.Prompts.Count][];
        for (var index = 0; index < prompts.Length; index++)
        {
            var prompt = request.Prompts[index];
            prompts[index] = prompt.Tokens ?? engine.EncodeText(prompt.Text!);
            Check(prompts[index], engine.VocabularySize);
        }

        return prompts;
    }

    private static int[] EncodeChat(IReplicaEngine engine, InferenceRequest request)
    {
        if (!engine.SupportsChat)
        {
            throw new ApiException(ApiError.Invalid(
                "messages", "This model has no chat template; send a raw prompt to /v1/completions.", "unsupported_endpoint"));
        }

        var messages = request.Messages!.RootElement;
        var tokens = request.PromptTruncateLength is { } most
            ? PromptTruncation.Encode(engine, messages, most)
            : engine.EncodeChat(messages, request.SafeTokenization);
        Check(tokens, engine.VocabularySize);
        return tokens;
    }

    private static void Check(int[] tokens, int vocabularySize)
    {
        if (tokens.Length == 0)
        {
            throw new ApiException(ApiError.Invalid("prompt", "The prompt has no tokens, and this model adds none; send some text."));
        }

        foreach (var id in tokens)
        {
            if (id >= vocabularySize)
            {
                throw new ApiException(ApiError.Invalid("prompt", $"The prompt has token id {id}; this model's ids are 0 to {vocabularySize - 1}."));
            }
        }
    }
}
