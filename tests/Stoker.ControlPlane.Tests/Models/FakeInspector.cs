using System.Text.Json;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Models;

namespace Stoker.ControlPlane.Tests.Models;

/// <summary>
/// Reads the few facts that the slice works with out of the same files as the real one; weights are only measured.
/// </summary>
internal sealed class FakeInspector : IModelInspector
{
    private int _calls;

    public int Calls => _calls;

    public Task<Result<ModelInspection>> InspectAsync(string folder, string? baseFolder, CancellationToken cancellation)
    {
        Interlocked.Increment(ref _calls);
        try
        {
            return Task.FromResult(Inspect(folder, baseFolder));
        }
        catch (JsonException)
        {
            return Task.FromResult<Result<ModelInspection>>(Problem.InvalidArgument("config.json: is not valid JSON"));
        }
    }

    private static Result<ModelInspection> Inspect(string folder, string? baseFolder)
    {
        var weights = Directory.GetFiles(folder, "*.safetensors").Sum(file => new FileInfo(file).Length);
        if (weights == 0) return Problem.InvalidArgument("model.safetensors: is not there");
        if (Read(folder, "adapter_config.json") is { } adapter)
        {
            if (adapter.TryGetProperty("hidden_size", out var own)
                && Read(baseFolder!, "config.json")!.Value.GetProperty("hidden_size").GetInt32() != own.GetInt32())
            {
                return Problem.InvalidArgument("adapter_model.safetensors: is for another base");
            }

            var peft = new PeftInspection(
                adapter.GetProperty("r").GetInt32(), [.. adapter.GetProperty("target_modules").EnumerateArray().Select(item => item.GetString()!)], null);
            return Described(ModelKind.HfPeftAddon, null, null, weights, false, peft);
        }

        if (Read(folder, "config.json") is not { } config) return Problem.InvalidArgument("config.json: is not there");
        var kind = config.GetProperty("architectures")[0].GetString()!.EndsWith("Eagle", StringComparison.Ordinal)
            ? ModelKind.DraftAddon
            : ModelKind.HfBaseModel;
        var chat =
            Read(folder, "tokenizer_config.json") is { } tokenizer && tokenizer.TryGetProperty("chat_template", out _);
        return Described(
            kind, config.GetProperty("model_type").GetString(), config.GetProperty("max_position_embeddings").GetInt32(), weights, chat, null);
    }

    private static ModelInspection Described(ModelKind kind, string? type, int? context, long bytes, bool chat, PeftInspection? peft) => new(
        kind, type, context, bytes / 2, bytes, Moe: false, chat, SupportsTools: false, SupportsLora: kind == ModelKind.HfBaseModel,
        [Precision.Bf16, Precision.Fp16], new Dictionary<string, double> { ["temperature"] = 0.7 }, peft, []);

    private static JsonElement? Read(string folder, string file)
    {
        var path = Path.Combine(folder, file);
        return File.Exists(path) ? JsonDocument.Parse(File.ReadAllBytes(path)).RootElement : null;
    }
}
