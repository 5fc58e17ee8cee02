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
        await off.StartAsync(Cancellation);
        await off.ExecuteTask!.WaitAsync(Cancellation);
        Packer.IsPacked(folder).ShouldBeFalse();
    }

    /// <summary>A second one over the same models, as after a restart.</summary>
    private ModelPacking Packing(ModelOptions options) => new(
        _host.Services.GetRequiredService<ModelStore>(), Packer, Microsoft.Extensions.Options.Options.Create(options),
        Microsoft.Extensions.Logging.Abstractions.NullLogger<ModelPacking>.Instance);

    private static async Task Patient(Func<bool> holds)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!holds()) await timer.WaitForNextTickAsync(Cancellation);
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
