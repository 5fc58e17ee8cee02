using Stoker.Api.Problems;
using Stoker.ControlPlane.Models;
using Stoker.Engine;
using Stoker.Engine.Models;
using Stoker.Engine.Tokenization;
using ModelKind = Stoker.ControlPlane.Models.ModelKind;
using Precision = Stoker.ControlPlane.Models.Precision;

namespace Stoker.Server.Serving;

/// <summary>Looks into uploaded folders with the engine that will serve them, so that what is READY loads.</summary>
internal sealed class ModelInspector : IModelInspector
{
    // Headers and the tokenizer are read, some 100 ms for large vocabularies, from a disk: not on the caller's thread.
    public Task<Result<ModelInspection>> InspectAsync(string folder, string? baseFolder, CancellationToken cancellation) =>
        Task.Run(() => Inspect(folder, baseFolder), cancellation);

    private static Result<ModelInspection> Inspect(string folder, string? baseFolder)
    {
        try
        {
            var seen = ModelFolder.Inspect(folder);
            var isAddon = seen.Kind == Engine.Models.ModelKind.PeftAddon;
            var vocabulary = seen.Kind == Engine.Models.ModelKind.Base ? Tokenizer.Load(folder).VocabularyDigest() : null;
            return Translate(isAddon && baseFolder is not null ? ModelFolder.InspectAddon(folder, baseFolder) : seen, vocabulary);
        }
        catch (ModelLoadException refused)
        {
            return Problem.InvalidArgument(refused.Message);
        }
    }

    private static ModelInspection Translate(ModelDescription model, string? vocabulary) => new(
        KindOf(model.Kind),
        model.ModelType,
        model.ContextLength,
        model.ParameterCount,
        model.WeightBytes,
        model.IsMixtureOfExperts,
        SupportsChat: model.HasChatTemplate,
        SupportsTools: false,
        SupportsLora: model.Kind == Engine.Models.ModelKind.Base,
        PrecisionsOf(model.DefaultPrecision),
        Sampling(model.DefaultSampling),
        model.Kind == Engine.Models.ModelKind.PeftAddon ? new PeftInspection(model.Rank ?? 0, model.TargetModules, model.BaseModelName) : null,
        Warnings: [])
    {
        KvBytesPerToken = model.KvBytesPerToken,
        AddonBytesPerRank = model.AddonBytesPerRank,
        HiddenSize = model.HiddenSize,
        VocabularyDigest = vocabulary,
    };

    /// <summary>The model's own. FP16 and BF16 both mean a 16-bit checkpoint as stored.</summary>
    private static Precision[] PrecisionsOf(Engine.Precision own) => own switch
    {
        Engine.Precision.Fp8 => [Precision.Fp8],
        Engine.Precision.Int8 => [Precision.Int8],
        _ => [Precision.Fp16, Precision.Bf16],
    };

    private static ModelKind KindOf(Engine.Models.ModelKind kind) => kind switch
    {
        Engine.Models.ModelKind.PeftAddon => ModelKind.HfPeftAddon,
        Engine.Models.ModelKind.EagleDraft => ModelKind.DraftAddon,
        _ => ModelKind.HfBaseModel,
    };

    /// <summary>Under the names of the request's parameters.</summary>
    private static Dictionary<string, double> Sampling(SamplingOptions defaults)
    {
        var named = new Dictionary<string, double>(StringComparer.Ordinal);
        Add("temperature", defaults.Temperature);
        Add("top_p", defaults.TopP);
        Add("top_k", defaults.TopK);
        Add("min_p", defaults.MinP);
        Add("repetition_penalty", defaults.RepetitionPenalty);
        return named;

        void Add(string name, double? value)
        {
            if (value is { } given) named[name] = given;
        }
    }
}
