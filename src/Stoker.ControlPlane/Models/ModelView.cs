using Stoker.Api.Names;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Resources;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Models;

/// <summary>A model as the API answers it: what its owner said, and where that is silent what its files say.</summary>
internal static class ModelView
{
    public static Listing<ModelResource> Listing { get; } =
        new(WireJson.Context.ModelResource, model => model.Name, "name");

    public static ModelResource Of(Stored<ModelName, ModelResource, ModelStatus> row)
    {
        var (spec, status, seen) = (row.Spec, row.Status, row.Status.Inspection);
        return spec with
        {
            Name = row.Name.ToString(),
            CreateTime = row.CreateTime,
            UpdateTime = row.UpdateTime,
            State = WireEnum.TextOf(status.State),
            Status = status.Detail,
            BaseModelDetails = Details(spec.BaseModelDetails, seen),
            Public = spec.Public ?? false,
            ContextLength = ModelFit.ContextLength(spec.ContextLength, seen),
            SupportsImageInput = spec.SupportsImageInput ?? false,
            SupportsTools = spec.SupportsTools ?? seen?.SupportsTools ?? false,
            SupportsLora = spec.SupportsLora ?? seen?.SupportsLora ?? false,
            SupportsServerless = spec.SupportsServerless ?? false,
            Calibrated = false,
            Tunable = false,
            ConversationConfig = spec.ConversationConfig ?? (seen?.SupportsChat == true ? new() { Style = "huggingface" } : null),
            SupportedPrecisions = seen is null ? null : [.. status.Precisions().Select(WireEnum.TextOf)],
            SupportedPrecisionsWithCalibration = seen is null || PreparationRules.WhyNever(seen) is not null
                ? null
                : [.. Precisions.Preparable.Except(status.Precisions()).Select(WireEnum.TextOf)],
            StokerPreparations = status.Preparations.Count == 0 ? null : [.. status.Preparations.Select(Of)],
            DefaultSamplingParams = seen?.DefaultSamplingParams is { Count: > 0 } defaults ? defaults : null,
        };
    }

    private static ModelPreparationResource Of(ModelPreparation preparation) => new()
    {
        Precision = WireEnum.TextOf(preparation.Precision),
        State = WireEnum.TextOf(preparation.State),
        Percent = preparation.Percent,
        Message = preparation.Message,
        SizeBytes = preparation.PackedBytes,
        Safetensors = !preparation.Safetensors ? null
            : preparation.SafetensorsBytes is { } bytes ? new() { Folder = preparation.Precision.VariantFolder(), SizeBytes = bytes } : new(),
        UpdateTime = preparation.Time,
    };

    private static BaseModelDetailsResource? Details(BaseModelDetailsResource? spec, ModelInspection? seen) => spec is null || seen is null
        ? spec
        : spec with
        {
            CheckpointFormat = "HUGGINGFACE",
            ParameterCount = seen.ParameterCount, // counted: what the files hold is right, whatever was said before
            Moe = seen.Moe,
            ModelType = seen.ModelType ?? spec.ModelType,
            DefaultPrecision = seen.Precisions.Count > 0 ? WireEnum.TextOf(seen.Precisions[0]) : null,
        };
}
