using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Stoker.Api.Names;
using Stoker.ControlPlane.Models;

namespace Stoker.ControlPlane.Tests.Models;

/// <summary>READY models are packed once, behind everything else, and a packed model is no part of its model.</summary>
public sealed class ModelPackingTests : IAsyncLifetime
{
    private const string Models = "/v1/accounts/acme/models";
    private const int LargeBytes = 5000; // the host packs from 4000 bytes on
    private const int SmallBytes = 3000;
    private const string WithVariant = """{"precision": "FP8", "stokerSafetensors": true}""";
    // No library: the tests' models are shared, and nothing may be written beside them.
    private readonly ModelsHost _host = new() { PackFromBytes = 4000, Library = Path.Combine(AppContext.BaseDirectory, "no-library") };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private FakePacker Packer => (FakePacker)_host.Services.GetRequiredService<IModelPacker>();

    public ValueTask InitializeAsync() => _host.InitializeAsync();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task A_model_is_packed_when_it_is_ready_and_answers_meanwhile()
    {
        Packer.Hold();
        var folder = await UploadAsync("large", LargeBytes);
        await Packer.Started(folder).WaitAsync(Cancellation);
        ((string?)(await _host.Tenant.Get($"{Models}/large")).Json["state"]).ShouldBe("READY");
        Packer.LetGo();
        await Packer.Ended(folder).WaitAsync(Cancellation);
        Packer.Packed.ShouldContain(folder);
    }

    [Fact]
    public async Task Small_models_are_not_packed()
    {
        var small = await UploadAsync("small", 3999);
        var large = await UploadAsync("later", LargeBytes); // one at a time and in order: when it is done, small was looked at
        await Packer.Ended(large).WaitAsync(Cancellation);
        Packer.Packed.ShouldNotContain(small);
    }

    [Fact]
    public async Task A_failure_is_no_fault_of_the_model_and_the_next_one_is_packed()
    {
        Packer.Failure = "the disk is full";
        var folder = await UploadAsync("unlucky", LargeBytes);
        await Packer.Ended(folder).WaitAsync(Cancellation);
        ((string?)(await _host.Tenant.Get($"{Models}/unlucky")).Json["state"]).ShouldBe("READY");
        Packer.Failure = null;
        var next = await UploadAsync("next", LargeBytes);
        await Packer.Ended(next).WaitAsync(Cancellation);
        Packer.Packed.ShouldContain(next);
    }

    [Fact]
    public async Task A_fault_of_the_packer_ends_neither_the_server_nor_the_packing_of_others()
    {
        Packer.Fault = new InvalidOperationException("a bug");
        var folder = await UploadAsync("unlucky", LargeBytes);
        await Packer.Ended(folder).WaitAsync(Cancellation);
        Packer.Fault = null;
        var next = await UploadAsync("next", LargeBytes);
        await Packer.Ended(next).WaitAsync(Cancellation);
        Packer.Packed.ShouldContain(next);
    }

    [Fact]
    public async Task Deleting_a_model_ends_its_packing_first_and_takes_the_packed_file()
    {
        Packer.Hold();
        var folder = await UploadAsync("gone", LargeBytes);
        await Packer.Started(folder).WaitAsync(Cancellation);
        (await _host.Tenant.Delete($"{Models}/gone")).ShouldBe(200);
        Packer.Ended(folder).IsCompleted.ShouldBeTrue();
        Directory.Exists(folder).ShouldBeFalse();
        Packer.LetGo();

        var packed = await UploadAsync("packed", LargeBytes);
        await Packer.Ended(packed).WaitAsync(Cancellation);
        (await _host.Tenant.Delete($"{Models}/packed")).ShouldBe(200);
        Directory.Exists(packed).ShouldBeFalse();
    }

    [Fact]
    public async Task A_packed_file_does_not_change_what_a_model_is()
    {
        Packer.Hold();
        var folder = await UploadAsync("same", LargeBytes);
        var before = ModelFiles.Digest(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, "stoker-bf16.packed"), "x", Cancellation);
        await File.WriteAllTextAsync(Path.Combine(folder, ".stoker-int8.packed.0123.part"), "x", Cancellation);
        ModelFiles.Digest(folder).ShouldBe(before);
        await File.WriteAllTextAsync(Path.Combine(folder, "other.json"), "x", Cancellation);
        ModelFiles.Digest(folder).ShouldNotBe(before);
        Packer.LetGo();
    }

    [Fact]
    public void A_packed_file_cannot_be_uploaded() =>
        UploadFile.Fault("stoker-bf16.packed").ShouldNotBeNull();

    [Fact]
    public async Task At_start_models_without_a_good_packed_file_are_packed()
    {
        Packer.Failure = "not now";
        var folder = await UploadAsync("restarted", LargeBytes);
        await Packer.Ended(folder).WaitAsync(Cancellation);
        Packer.Failure = null;

        using var next = Packing(new ModelOptions { PackFromBytes = 4000 });
        var second = await UploadAsync("marker", LargeBytes);
        await Packer.Ended(second).WaitAsync(Cancellation);
        await next.StartAsync(Cancellation);
        await Patient(() => Packer.IsPacked(folder));
        await next.StopAsync(Cancellation);
    }

    [Fact]
    public async Task Switched_off_it_packs_nothing()
    {
        Packer.Failure = "not now";
        var folder = await UploadAsync("off", LargeBytes);
        await Packer.Ended(folder).WaitAsync(Cancellation);
        Packer.Failure = null;
        using var off = Packing(new ModelOptions { Pack = false, PackFromBytes = 0 });
        (await _host.Tenant.Post($"{Models}/off:prepare", """{"precision": "FP8"}""")).ShouldBe(200);
        await Patient(() => !Packer.Prepared.IsEmpty);
        await off.StartAsync(Cancellation);
        await off.StopAsync(Cancellation);
        Packer.IsPacked(folder).ShouldBeFalse();
    }

    [Fact]
    public async Task A_model_is_prepared_for_a_precision_and_shows_how_far_it_is()
    {
        var folder = await UploadAsync("m", SmallBytes);
        Packer.Hold();
        (await _host.Tenant.Post($"{Models}/m:prepare", """{"precision": "FP8"}""")).ShouldBe(200);
        await Patient(async () => (int?)(await PreparationAsync("m"))?["percent"] == 50); // of 3, 5, 7, 50, 52 and 100, the steps of at least five
        var running = (await _host.Tenant.Get($"{Models}/m")).Json;
        ((string?)running["stokerPreparations"]![0]!["state"]).ShouldBe("RUNNING");
        Texts(running["supportedPrecisions"]).ShouldBe(["BF16", "FP16"]);
        Texts(running["supportedPrecisionsWithCalibration"]).ShouldBe(["FP8", "FP4", "INT8"]);
        (await _host.Tenant.Post($"{Models}/m:prepare", """{"precision": "FP8"}""")).ShouldBe(200); // at work already

        Packer.LetGo();
        await Patient(async () => (string?)(await PreparationAsync("m"))?["state"] == "READY");
        var ready = (await _host.Tenant.Get($"{Models}/m")).Json;
        ((int?)ready["stokerPreparations"]![0]!["percent"]).ShouldBe(100);
        Texts(ready["supportedPrecisions"]).ShouldBe(["BF16", "FP16", "FP8"]);
        Texts(ready["supportedPrecisionsWithCalibration"]).ShouldBe(["FP4", "INT8"]);
        (await _host.Tenant.Post($"{Models}/m:prepare", """{"precision": "FP8"}""")).ShouldBe(200); // there already
        Packer.Prepared.ShouldBe([(folder, Precision.Fp8)]);
    }

    [Fact]
    public async Task A_preparation_that_failed_says_why_and_can_be_asked_for_again()
    {
        await UploadAsync("m", SmallBytes);
        Packer.Failure = "the disk is full: make room";
        (await _host.Tenant.Post($"{Models}/m:prepare", """{"precision": "INT8"}""")).ShouldBe(200);
        await Patient(async () => (string?)(await PreparationAsync("m"))?["state"] == "FAILED");
        ((string?)(await PreparationAsync("m"))!["message"]).ShouldBe("the disk is full: make room");
        Packer.Failure = null;
        Packer.Fault = new InvalidOperationException("a bug");
        (await _host.Tenant.Post($"{Models}/m:prepare", """{"precision": "INT8"}""")).ShouldBe(200);
        await Patient(async () => ((string?)(await PreparationAsync("m"))?["message"])?.StartsWith("An error of the server", StringComparison.Ordinal) == true);
        Packer.Fault = null;
        (await _host.Tenant.Post($"{Models}/m:prepare", """{"precision": "INT8"}""")).ShouldBe(200);
        await Patient(async () => (string?)(await PreparationAsync("m"))?["state"] == "READY");
    }

    [Fact]
    public async Task A_preparation_goes_on_after_a_restart()
    {
        var folder = await UploadAsync("m", SmallBytes);
        await NoteAsync("m", new(Precision.Fp4, PreparationState.Running, 40, null, DateTimeOffset.UnixEpoch));
        using var next = Packing(new ModelOptions { Pack = false });
        await next.StartAsync(Cancellation);
        await Patient(async () => (string?)(await PreparationAsync("m"))?["state"] == "READY");
        Packer.Prepared.ShouldBe([(folder, Precision.Fp4)]);
        await next.StopAsync(Cancellation);
    }

    [Fact]
    public async Task One_that_nobody_is_at_work_on_any_more_begins_again_when_it_is_asked_for()
    {
        var folder = await UploadAsync("m", SmallBytes);
        await NoteAsync("m", new(Precision.Fp4, PreparationState.Running, 40, null, DateTimeOffset.UnixEpoch)); // its end was not written down
        (await _host.Tenant.Post($"{Models}/m:prepare", """{"precision": "FP4", "readMask": "name,state"}""")).ShouldBe(200).Text.ShouldBe("{}");
        await Patient(async () => (string?)(await PreparationAsync("m"))?["state"] == "READY");
        Packer.Prepared.ShouldBe([(folder, Precision.Fp4)]);
    }

    [Fact]
    public async Task Asking_many_times_leaves_one_job_behind_the_one_at_work()
    {
        var folder = await UploadAsync("m", SmallBytes);
        Packer.Hold();
        for (var times = 0; times < 5; times++) (await _host.Tenant.Post($"{Models}/m:prepare", """{"precision": "FP8"}""")).ShouldBe(200);
        await Packer.Started(folder).WaitAsync(Cancellation);
        for (var times = 0; times < 5; times++) (await _host.Tenant.Post($"{Models}/m:prepare", """{"precision": "FP8"}""")).ShouldBe(200);
        _host.Services.GetRequiredService<ModelPacking>().WaitingCount.ShouldBe(1);
        Packer.LetGo();
    }

    [Fact]
    public async Task Deleting_a_model_ends_its_preparation_first()
    {
        Packer.Hold();
        var folder = await UploadAsync("gone", SmallBytes);
        (await _host.Tenant.Post($"{Models}/gone:prepare", """{"precision": "FP8"}""")).ShouldBe(200);
        await Packer.Started(folder).WaitAsync(Cancellation);
        (await _host.Tenant.Delete($"{Models}/gone")).ShouldBe(200);
        Packer.Ended(folder).IsCompleted.ShouldBeTrue();
        Directory.Exists(folder).ShouldBeFalse();
        Packer.Prepared.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("{}", 400, "precision must be one of FP8, FP4, INT8: is required")]
    [InlineData("""{"precision": "FP3"}""", 400, "was 'FP3'")]
    [InlineData("""{"precision": "FP8_MM"}""", 400, "was 'FP8_MM'")]
    [InlineData("""{"precision": "BF16"}""", 400, "BF16 is how a model is stored and needs no preparing")]
    [InlineData("""{"precision": "FP8", "speed": 1}""", 400, "speed")]
    [InlineData("""{"precision": "FP8", "readMask": "nosuch"}""", 400, "nosuch")]
    [InlineData("""{"precision": "FP4", "stokerSafetensors": true}""", 400, "stoker_safetensors is for FP8 and INT8 alone: there is no form of FP4 that other engines read")]
    public async Task What_cannot_be_prepared_is_refused(string body, int status, string reason)
    {
        await UploadAsync("m", SmallBytes);
        (await _host.Tenant.Post($"{Models}/m:prepare", body)).ShouldBe(status).Message.ShouldContain(reason);
        (await PreparationAsync("m")).ShouldBeNull();
    }

    [Fact]
    public async Task Addons_and_models_without_files_are_not_prepared()
    {
        (await _host.Tenant.Post(Models, ModelEndpointsTests.Body("empty"))).ShouldBe(200);
        (await _host.Tenant.Post($"{Models}/empty:prepare", """{"precision": "FP8"}""")).ShouldBe(400).Message.ShouldContain("firectl upload model accounts/acme/models/empty PATH");
        (await _host.Tenant.Post($"{Models}/nobody:prepare", """{"precision": "FP8"}""")).ShouldBe(404);
        var addon = new ModelInspection(
            ModelKind.HfPeftAddon, null, null, 1, 2, false, false, false, false, [Precision.Bf16], new Dictionary<string, double>(), null, []);
        var status = ModelStatus.Empty(null) with { State = ModelState.Ready, Inspection = addon };
        var refused = PreparationRules.Check(ModelName.Parse("accounts/a/models/lora"), status, "FP8").Problem.ShouldNotBeNull();
        refused.Message.ShouldContain("is a HF_PEFT_ADDON: prepare the base model");
        var stored = status with { Inspection = addon with { Kind = ModelKind.HfBaseModel, Precisions = [Precision.Fp8] } };
        PreparationRules.Check(ModelName.Parse("accounts/a/models/q"), stored, "FP4").Problem.ShouldNotBeNull().Message.ShouldContain("upload its 16-bit checkpoint");
        PreparationRules.Check(ModelName.Parse("accounts/a/models/q"), stored, "FP8").Problem.ShouldBeNull(); // it has it
        PreparationRules.Check(ModelName.Parse("accounts/a/models/q"), stored, "FP8", safetensors: true).Problem.ShouldNotBeNull().Message
            .ShouldBe("stoker_safetensors cannot be written: accounts/a/models/q is stored in FP8, give other engines its own files");
    }

    [Fact]
    public async Task A_variant_is_written_by_the_same_job_and_can_be_fetched_until_the_model_goes()
    {
        var folder = await UploadAsync("m", SmallBytes);
        (await _host.Tenant.Get($"{Models}/m:getDownloadEndpoint?stokerSafetensors=FP8")).ShouldBe(400)
            .Message.ShouldContain("firectl prepare-model accounts/acme/models/m --precision FP8 --safetensors --wait");
        (await _host.Tenant.Post($"{Models}/m:prepare", WithVariant)).ShouldBe(200);
        await Patient(async () => (string?)(await PreparationAsync("m"))?["state"] == "READY");
        var preparation = (await PreparationAsync("m"))!;
        ((string?)preparation["sizeBytes"]).ShouldBe("10");
        preparation["safetensors"]!.ToJsonString().ShouldBe("""{"folder":"stoker-fp8-safetensors","sizeBytes":"10"}""");
        Packer.Variants.ShouldBe([(Path.Combine(folder, "stoker-fp8-safetensors"), Precision.Fp8)]);

        var own = (await _host.Tenant.Get($"{Models}/m:getDownloadEndpoint")).ShouldBe(200).Json["filenameToSignedUrls"]!.AsObject();
        var files = (await _host.Tenant.Get($"{Models}/m:getDownloadEndpoint?stokerSafetensors=FP8")).ShouldBe(200).Json["filenameToSignedUrls"]!.AsObject();
        files.Select(file => file.Key).Order().ShouldBe(["config.json", "model.safetensors"]);
        (await _host.Nobody.Get((string)files["config.json"]!)).ShouldBe(200).Text.ShouldBe("Fp8");
        (await _host.Nobody.Get((string)own["config.json"]!)).ShouldBe(200).Text.ShouldContain("LlamaForCausalLM");
        // An address is for one file: not for the one of that name beside it.
        (await _host.Nobody.Get(((string)own["config.json"]!).Replace("/files/", "/files/stoker-fp8-safetensors/", StringComparison.Ordinal))).ShouldBe(401);
        (await _host.Nobody.Get(((string)files["config.json"]!).Replace("stoker-fp8-safetensors/", "", StringComparison.Ordinal))).ShouldBe(401);
        (await _host.Tenant.Get($"{Models}/m:getDownloadEndpoint?stokerSafetensors=FP4")).ShouldBe(400).Message.ShouldContain("must be one of FP8, INT8, was 'FP4'");

        (await _host.Tenant.Delete($"{Models}/m")).ShouldBe(200);
        Directory.Exists(folder).ShouldBeFalse();
    }

    [Fact]
    public async Task A_variant_that_is_asked_for_while_the_file_is_packed_comes_too()
    {
        await UploadAsync("m", SmallBytes);
        Packer.Hold();
        (await _host.Tenant.Post($"{Models}/m:prepare", """{"precision": "FP8"}""")).ShouldBe(200);
        await Patient(async () => (int?)(await PreparationAsync("m"))?["percent"] == 50);
        (await PreparationAsync("m"))!["safetensors"].ShouldBeNull();
        (await _host.Tenant.Post($"{Models}/m:prepare", WithVariant)).ShouldBe(200);
        (await PreparationAsync("m"))!["safetensors"]!.ToJsonString().ShouldBe("{}");
        Packer.LetGo();
        await Patient(async () => (string?)(await PreparationAsync("m"))?["state"] == "READY");
        (await PreparationAsync("m"))!["safetensors"]!["sizeBytes"].ShouldNotBeNull();
        Packer.Prepared.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_precision_that_is_there_stays_while_a_variant_is_written_and_when_that_fails()
    {
        var folder = await UploadAsync("m", SmallBytes);
        (await _host.Tenant.Post($"{Models}/m:prepare", """{"precision": "INT8"}""")).ShouldBe(200);
        await Patient(async () => (string?)(await PreparationAsync("m"))?["state"] == "READY");

        Packer.Hold();
        Packer.VariantFailure = "the disk is full: make room";
        (await _host.Tenant.Post($"{Models}/m:prepare", """{"precision": "INT8", "stokerSafetensors": true}""")).ShouldBe(200);
        await Patient(async () => (string?)(await PreparationAsync("m"))?["state"] == "RUNNING");
        Texts((await _host.Tenant.Get($"{Models}/m")).Json["supportedPrecisions"]).ShouldContain("INT8");
        Packer.LetGo();
        await Patient(async () => (string?)(await PreparationAsync("m"))?["state"] == "FAILED");
        ((string?)(await PreparationAsync("m"))!["message"]).ShouldBe("the disk is full: make room");
        Texts((await _host.Tenant.Get($"{Models}/m")).Json["supportedPrecisions"]).ShouldContain("INT8");

        Packer.VariantFailure = null;
        (await _host.Tenant.Post($"{Models}/m:prepare", """{"precision": "INT8", "stokerSafetensors": true}""")).ShouldBe(200);
        await Patient(async () => (string?)(await PreparationAsync("m"))?["state"] == "READY");

        // Somebody removed it by hand: asked for again, it is made again.
        Directory.Delete(Path.Combine(folder, "stoker-int8-safetensors"), recursive: true);
        (await _host.Tenant.Get($"{Models}/m:getDownloadEndpoint?stokerSafetensors=INT8")).ShouldBe(400);
        (await _host.Tenant.Post($"{Models}/m:prepare", """{"precision": "INT8", "stokerSafetensors": true}""")).ShouldBe(200);
        await Patient(async () => (await _host.Tenant.Get($"{Models}/m:getDownloadEndpoint?stokerSafetensors=INT8")).Status == 200);
    }

    [Fact]
    public void A_row_of_an_older_program_says_by_its_state_that_the_packed_file_is_there()
    {
        var old = new ModelPreparation(Precision.Fp8, PreparationState.Ready, 100, null, DateTimeOffset.UnixEpoch);
        old.IsPacked.ShouldBeTrue();
        PreparationRules.Asked(old, Precision.Fp8, safetensors: true, DateTimeOffset.UnixEpoch).ShouldNotBeNull().IsPacked.ShouldBeTrue();
        PreparationRules.Asked(old with { State = PreparationState.Failed }, Precision.Fp8, safetensors: true, DateTimeOffset.UnixEpoch)!.IsPacked.ShouldBeFalse();
    }

    private async Task<System.Text.Json.Nodes.JsonNode?> PreparationAsync(string model) =>
        (await _host.Tenant.Get($"{Models}/{model}")).Json["stokerPreparations"]?[0];

    /// <summary>Writes what a server that was killed, or whose store failed, would have left.</summary>
    private async Task NoteAsync(string model, ModelPreparation preparation)
    {
        var store = _host.Services.GetRequiredService<ModelStore>();
        var row = (await store.Rows.FindAsync(ModelName.Parse($"accounts/acme/models/{model}"), Cancellation))!;
        (await store.Rows.UpdateStatusAsync(row, row.Status.With(preparation), Cancellation)).Problem.ShouldBeNull();
    }

    private static string[] Texts(System.Text.Json.Nodes.JsonNode? list) => [.. list!.AsArray().Select(item => (string)item!)];

    /// <summary>A second one over the same models, as after a restart.</summary>
    private ModelPacking Packing(ModelOptions options) => new(
        _host.Services.GetRequiredService<ModelStore>(), Packer, Microsoft.Extensions.Options.Options.Create(options), TimeProvider.System,
        Microsoft.Extensions.Logging.Abstractions.NullLogger<ModelPacking>.Instance);

    private static Task Patient(Func<bool> holds) => Patient(() => Task.FromResult(holds()));

    private static async Task Patient(Func<Task<bool>> holds)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!await holds()) await timer.WaitForNextTickAsync(Cancellation);
    }

    private async Task<string> UploadAsync(string model, int weightBytes)
    {
        (await _host.Tenant.Post(Models, ModelEndpointsTests.Body(model))).ShouldBe(200);
        var files = new Dictionary<string, byte[]>
        {
            ["config.json"] = Encoding.UTF8.GetBytes("""{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "max_position_embeddings": 2048}"""),
            ["model.safetensors"] = new byte[weightBytes],
        };
        var sizes = string.Join(", ", files.Select(file => $"\"{file.Key}\": \"{file.Value.Length}\""));
        var begun = await _host.Tenant.Post($"{Models}/{model}:getUploadEndpoint", $$$"""{"filenameToSize": {{{{sizes}}}}}""");
        begun.ShouldBe(200);
        foreach (var (file, url) in begun.Json["filenameToSignedUrls"]!.AsObject()) (await _host.Nobody.Put((string)url!, files[file])).ShouldBe(200);
        (await _host.Tenant.Get($"{Models}/{model}:validateUpload")).ShouldBe(200);
        var name = ModelName.Parse($"accounts/acme/models/{model}");
        return _host.Services.GetRequiredService<ModelStore>().FolderOf(name);
    }
}
