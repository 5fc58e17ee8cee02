using System.Security.Cryptography;
using Stoker.Engine.Sampling;

namespace Stoker.Engine.Scheduling;

/// <summary>
/// A request that keeps the rules, with its defaults filled in. The lists are copies: the caller may reuse its own.
/// </summary>
internal sealed record AdmittedRequest(int[] Prompt, IReadOnlyList<string> Stops, int[] StopTokens, int MaxTokens, SamplingSettings Settings)
{
    /// <summary>See <see cref="GenerationRequest.Answered"/>.</summary>
    public int[] Answered { get; init; } = [];

    public int[] Prediction { get; init; } = [];
}

/// <summary>What the door knows of the engine.</summary>
/// <param name="VocabularySize">Ids below it are tokens.</param>
/// <param name="KvBlocks">Of the whole cache.</param>
internal sealed record DoorFigures(int VocabularySize, int ContextLength, int KvBlocks, int BlockSize, SamplingOptions DefaultSampling)
{
    public int KvTokens => (int)Math.Min((long)KvBlocks * BlockSize, int.MaxValue);
}

/// <summary>The rules of a request that hold whatever the load: ranges, and whether it could ever fit.</summary>
internal static class AdmissionRules
{
    public const int MaxChoices = 128;
    public const int MaxTopLogprobs = 20;
    public const int MaxStops = 64;
    // characters; each is held back and compared at every character of the answer
    public const int MaxStopLength = 1024;
    // characters; every first block of a prompt keeps it
    public const int MaxSaltLength = 512;

    /// <exception cref="RequestRefusedException">With what was seen and what is allowed.</exception>
    public static AdmittedRequest Check(GenerationRequest request, DoorFigures figures)
    {
        int[] prompt = [.. request.PromptTokens], stopTokens = [.. request.StopTokens];
        string[] stops = [.. request.Stop];
        CheckPrompt(prompt, figures);
        CheckRange("n", request.Choices, 1, MaxChoices);
        if (request.Logprobs is { } top) CheckRange("logprobs", top, 0, MaxTopLogprobs);
        CheckEcho(request);
        CheckStops(stops, stopTokens, figures);
        CheckSalt(request.CacheSalt);
        var settings =
            SamplingSettings.From(request.Sampling.Over(figures.DefaultSampling), figures.VocabularySize, DrawSeed);
        var maxTokens = MaxTokens(request, prompt.Length, figures);
        if (request.MinTokens < 0 || request.MinTokens > maxTokens)
        {
            throw Invalid("min_tokens", $"min_tokens must be from 0 to max_tokens ({maxTokens}), was {request.MinTokens}");
        }
        return new(prompt, stops, stopTokens, maxTokens, settings)
        {
            Answered = Answered(request, maxTokens, figures),
            Prediction = Prediction(request, maxTokens, figures),
        };
    }

    private static int[] Answered(GenerationRequest request, int maxTokens, DoorFigures figures)
    {
        int[] answered = [.. request.Answered];
        if (answered.Length == 0) return answered;
        if (request.Choices != 1) throw Invalid("answered", $"An answer can be gone on with for one choice, {request.Choices} were asked for.");
        if (answered.Length > maxTokens)
        {
            throw Invalid("answered", $"The answer so far has {answered.Length} tokens, more than max_tokens allows, which is {maxTokens}.");
        }

        foreach (var id in answered)
        {
            if ((uint)id < (uint)figures.VocabularySize) continue;
            throw Invalid("answered", $"The answer so far has the token id {id}; ids of this model are 0 to {figures.VocabularySize - 1}.");
        }

        return answered;
    }

    private static int[] Prediction(GenerationRequest request, int maxTokens, DoorFigures figures)
    {
        int[] prediction = [.. request.Prediction];
        if (prediction.Length > maxTokens)
        {
            throw Invalid("prediction",
                $"The prediction has {prediction.Length} tokens, but max_tokens and the context length of {figures.ContextLength} allow an answer of {maxTokens}. "
                + "Shorten the prediction, or raise max_tokens where the context has room.");
        }

        foreach (var id in prediction)
        {
            if ((uint)id < (uint)figures.VocabularySize) continue;
            throw Invalid("prediction", $"The prediction has the token id {id}; ids of this model are 0 to {figures.VocabularySize - 1}.");
        }

        return prediction;
    }

    private static void CheckPrompt(int[] prompt, DoorFigures figures)
    {
        if (prompt.Length == 0) throw Invalid("prompt", "The prompt has no tokens; it needs at least one.");
        if (prompt.Length > figures.ContextLength)
        {
            throw new RequestRefusedException(RefusalKind.TooLong, "prompt",
                $"The prompt has {prompt.Length} tokens; the context length is {figures.ContextLength}. Shorten the prompt.");
        }
        foreach (var id in prompt)
        {
            if ((uint)id >= (uint)figures.VocabularySize)
            {
                throw Invalid("prompt", $"The prompt has the token id {id}; ids of this model are 0 to {figures.VocabularySize - 1}.");
            }
        }
    }

    private static void CheckEcho(GenerationRequest request)
    {
        if (request.EchoLast is not { } last) return;
        if (request.Echo)
        {
            throw Invalid("echo_last", "echo and echo_last cannot be used together; echo gives the whole prompt back.");
        }

        if (last < 0) throw Invalid("echo_last", $"echo_last must be at least 0, was {last}.");
    }

    private static void CheckStops(string[] stops, int[] stopTokens, DoorFigures figures)
    {
        if (stops.Length > MaxStops)
        {
            throw Invalid("stop", $"At most {MaxStops} stop strings are allowed, {stops.Length} were given.");
        }

        foreach (var stop in stops)
        {
            if (stop.Length is 0 or > MaxStopLength || !IsWellFormed(stop))
            {
                throw Invalid("stop", $"A stop string must be Unicode text of 1 to {MaxStopLength} characters; one has {stop.Length}.");
            }
        }
        foreach (var id in stopTokens)
        {
            if ((uint)id < (uint)figures.VocabularySize) continue;
            throw Invalid("stop_token_ids", $"The stop token id {id} is not one of this model's, which are 0 to {figures.VocabularySize - 1}.");
        }
    }

    private static void CheckSalt(string? salt)
    {
        if (salt is { Length: 0 or > MaxSaltLength })
        {
            throw Invalid("cache_salt", $"The cache salt must have 1 to {MaxSaltLength} characters, has {salt.Length}.");
        }
    }

    private static int MaxTokens(GenerationRequest request, int prompt, DoorFigures figures)
    {
        var (inContext, inCache) = (figures.ContextLength - prompt, figures.KvTokens - prompt);
        var lowered = request.MaxTokens is null || request.FitMaxTokens;
        var wanted = request.MaxTokens ?? int.MaxValue;
        if (wanted < 0) throw Invalid("max_tokens", $"max_tokens must be at least 0, was {wanted}.");
        var least = Math.Min(lowered ? 1 : wanted, wanted); // what must fit
        if (least > inContext)
        {
            throw new RequestRefusedException(RefusalKind.TooLong, request.MaxTokens is null || inContext < 1 ? "prompt" : "max_tokens",
                $"The prompt has {prompt} tokens and {least} are to be generated: together {(long)prompt + least}, but the context length is "
                + $"{figures.ContextLength}. Shorten the prompt or lower max_tokens.");
        }
        if (least > inCache)
        {
            throw new RequestRefusedException(RefusalKind.NeverFits, request.MaxTokens is null || inCache < 1 ? "prompt" : "max_tokens",
                $"The prompt has {prompt} tokens and {least} are to be generated: together {((long)prompt + least + figures.BlockSize - 1) / figures.BlockSize} "
                + $"KV blocks of {figures.BlockSize} tokens, but the cache has {figures.KvBlocks}. Shorten the request or give the engine more memory.");
        }
        return Math.Min(wanted, Math.Min(inContext, inCache));
    }

    private static void CheckRange(string name, int value, int low, int high)
    {
        if (value < low || value > high) throw Invalid(name, $"{name} must be from {low} to {high}, was {value}.");
    }

    // Half a surrogate pair would cut a code point in two.
    private static bool IsWellFormed(string text)
    {
        for (var index = 0; index < text.Length; index++)
        {
            if (!char.IsSurrogate(text[index])) continue;
            if (!char.IsSurrogatePair(text, index)) return false;
            index++;
        }
        return true;
    }

    private static long DrawSeed() => BitConverter.ToInt64(RandomNumberGenerator.GetBytes(sizeof(long)));

    private static RequestRefusedException Invalid(string parameter, string message) =>
        new(RefusalKind.Invalid, parameter, message);
}
