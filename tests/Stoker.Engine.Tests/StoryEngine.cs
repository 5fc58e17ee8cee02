using System.Text.Json;
using Stoker.Testing;

namespace Stoker.Engine.Tests;

/// <summary>Engines on the built-in story model, and what its reference outputs say.</summary>
internal static class StoryEngine
{
    public static JsonElement Golden { get; } =
        JsonDocument.Parse(File.ReadAllBytes(TestData.Golden("story-3m"))).RootElement.Clone();

    public static IReadOnlyList<JsonElement> Prompts { get; } = [.. Golden.GetProperty("prompts").EnumerateArray()];

    public static InferenceEngine Open(EngineOptions? options = null) =>
        InferenceEngine.Open(TestData.Model("story-3m"), options ?? new() { Threads = 1 });

    public static int[] Ids(JsonElement ids) => [.. ids.EnumerateArray().Select(id => id.GetInt32())];

    public static async Task<GenerationResult> CompleteAsync(this InferenceEngine engine, GenerationRequest request)
    {
        await using var generation = engine.Submit(request);
        return await generation.CompleteAsync(TestContext.Current.CancellationToken);
    }
}
