using System.Text.Json;
using System.Text.Json.Nodes;
using Stoker.Api;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Models;

namespace Stoker.ControlPlane.Tests.Models;

public class ModelSpecTests
{
    private const string Base = """{"kind": "HF_BASE_MODEL", "baseModelDetails": {}}""";

    private const string Addon =
        """{"kind": "HF_PEFT_ADDON", "peftDetails": {"baseModel": "accounts/a/models/b", "r": 8, "targetModules": ["q_proj", "gate_proj", "qkv_proj", "gate_up_proj"]}}""";

    private const string Draft = """{"kind": "DRAFT_ADDON", "peftDetails": {"baseModel": "accounts/a/models/b"}}""";

    [Theory]
    [InlineData(Base, ModelKind.HfBaseModel)]
    [InlineData(Addon, ModelKind.HfPeftAddon)]
    [InlineData(Draft, ModelKind.DraftAddon)]
    public void Each_active_kind_has_a_smallest_valid_body(string body, ModelKind kind) =>
        From(body).Value.Kind.ShouldBe(kind);

    [Theory]
    [InlineData(null)]
    [InlineData("KIND_UNSPECIFIED")]
    public void No_kind_means_a_lora_addon(string? kind) =>
        From(With(Addon, "kind", kind)).Value.Kind.ShouldBe(ModelKind.HfPeftAddon);

    [Theory]
    [InlineData(Base, "kind", "\"HF_BASE\"", "kind")]
    [InlineData(Base, "kind", "\"hf_base_model\"", "kind")]
    [InlineData(Base, "kind", "\"1\"", "kind")]
    [InlineData(Base, "baseModelDetails", "null", "base_model_details")]
    [InlineData(Addon, "baseModelDetails", "{}", "base_model_details")]
    [InlineData(Draft, "baseModelDetails", "{}", "base_model_details")]
    [InlineData(Base, "peftDetails", "{}", "peft_details")]
    [InlineData(Addon, "peftDetails", "null", "peft_details")]
    [InlineData(Addon, "peftDetails.baseModel", "null", "peft_details.base_model")]
    [InlineData(Addon, "peftDetails.baseModel", "\"\"", "peft_details.base_model")]
    [InlineData(Addon, "peftDetails.r", "null", "peft_details.r")]
    [InlineData(Addon, "peftDetails.r", "3", "peft_details.r")]
    [InlineData(Addon, "peftDetails.r", "65", "peft_details.r")]
    [InlineData(Addon, "peftDetails.targetModules", "null", "peft_details.target_modules")]
    [InlineData(Addon, "peftDetails.targetModules", "[]", "peft_details.target_modules")]
    [InlineData(Addon, "peftDetails.targetModules", "[\"embed_tokens\"]", "peft_details.target_modules")]
    [InlineData(Addon, "peftDetails.targetModules", "[\"q_proj\", \"w1\"]", "peft_details.target_modules")]
    [InlineData(Addon, "peftDetails.targetModules", "[\"lm_head\"]", "peft_details.target_modules")]
    [InlineData(Addon, "peftDetails.baseModelType", "\"llama\"", "peft_details.base_model_type")]
    [InlineData(Draft, "peftDetails", "null", "peft_details.base_model")]
    [InlineData(Draft, "peftDetails.r", "8", "peft_details.r")]
    [InlineData(Draft, "peftDetails.targetModules", "[\"q_proj\"]", "peft_details.target_modules")]
    [InlineData(Base, "githubUrl", "\"ftp://x/y\"", "github_url")]
    [InlineData(Base, "huggingFaceUrl", "\"not an address\"", "hugging_face_url")]
    [InlineData(Base, "contextLength", "0", "context_length")]
    [InlineData(Base, "contextLength", "-1", "context_length")]
    [InlineData(Base, "contextLength", "2000000000", "context_length")]
    [InlineData(Base, "trainingContextLength", "0", "training_context_length")]
    [InlineData(Base, "conversationConfig", "{}", "conversation_config.style")]
    [InlineData(Base, "conversationConfig", "{\"style\": \"jinja\"}", "conversation_config.template")]
    [InlineData(Base, "defaultDraftModel", "\"d\"", "default_draft_token_count")]
    [InlineData(Base, "defaultDraftTokenCount", "4", "default_draft_token_count")]
    [InlineData(Base, "baseModelDetails.worldSize", "0", "base_model_details.world_size")]
    [InlineData(Base, "baseModelDetails.parameterCount", "\"-1\"", "base_model_details.parameter_count")]
    [InlineData(Base, "baseModelDetails.checkpointFormat", "\"GGUF\"", "base_model_details.checkpoint_format")]
    [InlineData(Base, "baseModelDetails.defaultPrecision", "\"FP8\"", "base_model_details.default_precision")]
    [InlineData(Base, "state", "\"READY\"", "state")]
    [InlineData(Base, "status", "{\"code\": \"OK\", \"message\": \"\"}", "status")]
    [InlineData(Base, "createTime", "\"2030-01-01T00:00:00Z\"", "create_time")]
    [InlineData(Base, "updateTime", "\"2030-01-01T00:00:00Z\"", "update_time")]
    [InlineData(Base, "createdBy", "\"me\"", "created_by")]
    [InlineData(Base, "deprecationDate", "{\"year\": 2030, \"month\": 2, \"day\": 30}", "deprecation_date")]
    [InlineData(Base, "importedFrom", "\"x\"", "imported_from")]
    [InlineData(Base, "fineTuningJob", "\"x\"", "fine_tuning_job")]
    [InlineData(Base, "deployedModelRefs", "[]", "deployed_model_refs")]
    [InlineData(Base, "cluster", "\"x\"", "cluster")]
    [InlineData(Base, "calibrated", "true", "calibrated")]
    [InlineData(Base, "tunable", "true", "tunable")]
    [InlineData(Base, "rlTunable", "true", "rl_tunable")]
    [InlineData(Base, "supportedPrecisions", "[\"FP8\"]", "supported_precisions")]
    [InlineData(Base, "supportedPrecisionsWithCalibration", "[]", "supported_precisions_with_calibration")]
    [InlineData(Base, "defaultSamplingParams", "{}", "default_sampling_params")]
    public void A_broken_rule_is_a_violation_of_its_field(string body, string path, string value, string field)
    {
        var problem = From(With(body, path, Node(value))).Problem!;

        problem.Code.ShouldBe(Code.InvalidArgument);
        problem.Violations.Select(violation => violation.Field).ShouldBe([field]);
        problem.Message.ShouldContain(field);
    }

    [Theory]
    [InlineData("HF_TEFT_ADDON", Addon)]
    [InlineData("FLUMINA_BASE_MODEL", "{}")]
    [InlineData("FLUMINA_ADDON", "{}")]
    [InlineData("FIRE_AGENT", "{}")]
    [InlineData("LIVE_MERGE", "{}")]
    [InlineData("CUSTOM_MODEL", "{}")]
    [InlineData("EMBEDDING_MODEL", "{}")]
    [InlineData("SNAPSHOT_MODEL", "{}")]
    public void A_kind_that_is_not_active_is_named_as_unimplemented(string kind, string body)
    {
        var problem = From(With(body, "kind", kind)).Problem!;

        (problem.Code, problem.Message.Contains(kind, StringComparison.Ordinal)).ShouldBe((Code.Unimplemented, true), problem.Message);
    }

    [Theory]
    [InlineData(Base, "teftDetails", "{}", "teft_details")]
    [InlineData(Base, "supportsImageInput", "true", "supports_image_input")]
    [InlineData(Base, "snapshotType", "\"FULL_SNAPSHOT\"", "snapshot_type")]
    [InlineData(Base, "conversationConfig", "{\"style\": \"jinja\", \"template\": \"x\"}", "conversation_config")]
    [InlineData(Base, "conversationConfig", "{\"style\": \"huggingface\", \"system\": \"x\"}", "conversation_config")]
    [InlineData(Base, "baseModelDetails.worldSize", "2", "base_model_details.world_size")]
    [InlineData(Base, "baseModelDetails.checkpointFormat", "\"NATIVE\"", "base_model_details.checkpoint_format")]
    [InlineData(Base, "baseModelDetails.supportsMtp", "true", "base_model_details.supports_mtp")]
    [InlineData(Base, "baseModelDetails.supportsFireattention", "true", "base_model_details.supports_fireattention")]
    [InlineData(Base, "baseModelDetails.tunable", "true", "base_model_details.tunable")]
    [InlineData(Addon, "peftDetails.mergeAddonModelName", "\"x\"", "peft_details.merge_addon_model_name")]
    public void A_field_that_is_not_active_is_named_as_unimplemented(string body, string path, string value, string field)
    {
        var problem = From(With(body, path, Node(value))).Problem!;

        problem.Code.ShouldBe(Code.Unimplemented);
        problem.Violations.Select(violation => violation.Field).ShouldBe([field]);
    }

    [Theory]
    [InlineData("displayName", 63)]
    [InlineData("description", 999)]
    public void Texts_have_a_longest_length(string field, int longest)
    {
        From(With(Base, field, new string('x', longest))).Problem.ShouldBeNull();
        From(With(Base, field, new string('x', longest + 1))).Problem!.Message.ShouldContain($"at most {longest} characters, had {longest + 1}");
    }

    [Fact]
    public void All_broken_rules_are_told_in_one_go() =>
        From("""{"kind": "HF_PEFT_ADDON", "baseModelDetails": {}, "contextLength": 0, "defaultDraftModel": "d"}""")
            .Problem!.Violations.Count.ShouldBe(4);

    [Fact]
    public void A_draft_model_with_its_token_count_is_fine() =>
        From("""{"kind": "HF_BASE_MODEL", "baseModelDetails": {}, "defaultDraftModel": "d", "defaultDraftTokenCount": 4}""").Problem.ShouldBeNull();

    [Fact]
    public void Every_entry_of_the_catalogue_obeys_the_rules_and_links_to_entries_that_are_there()
    {
        var catalogue = ModelCatalogue.Load();

        foreach (var (name, entry) in catalogue.Entries)
        {
            ModelSpec.From(entry.Spec).Problem.ShouldBeNull(name.ToString());
            foreach (var link in new[] { entry.Spec.PeftDetails?.BaseModel, entry.Spec.DefaultDraftModel }.OfType<string>())
            {
                catalogue.Entries.Keys.Select(known => known.ToString()).ShouldContain(link);
            }
        }
    }

    private static Result<ModelSpec> From(string body) =>
        ModelSpec.From(JsonSerializer.Deserialize(body, ApiJson.Default.ModelResource)!);

    private static string With(string body, string path, JsonNode? value)
    {
        var (root, names) = (JsonNode.Parse(body)!.AsObject(), path.Split('.'));
        var parent = names.SkipLast(1).Aggregate(root, (node, name) => node[name]!.AsObject());
        if (value is null) parent.Remove(names[^1]);
        else parent[names[^1]] = value;
        return root.ToJsonString();
    }

    private static JsonNode? Node(string json) => JsonNode.Parse(json);
}
