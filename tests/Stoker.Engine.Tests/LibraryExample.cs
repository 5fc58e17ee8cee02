namespace Stoker.Engine.Tests;

/// <summary>The example of docs/engine-library.md; a test runs it, another holds it equal to the page.</summary>
internal static class LibraryExample
{
    // example
    public static async Task TellAsync(string modelFolder, TextWriter output, CancellationToken cancellation)
    {
        await using var engine = InferenceEngine.Open(modelFolder, new EngineOptions { MaxSequences = 4 });

        await using var generation = engine.Submit(new GenerationRequest
        {
            PromptTokens = engine.Tokenizer.Encode("Once upon a time", addSpecialTokens: true),
            MaxTokens = 60,
            Sampling = new SamplingOptions { Temperature = 0.8, Seed = 7 },
        });

        await foreach (var item in generation.WithCancellation(cancellation))
        {
            await output.WriteAsync(item.Text);
            if (item.Error is { } error) await output.WriteLineAsync($"\n{error.Message}");
            if (item.Usage is { } usage) await output.WriteLineAsync($"\n{item.Finish}, {usage.CompletionTokens} tokens");
        }
    }
    // end of example
}
