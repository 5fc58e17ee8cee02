using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Stoker.Api.Names;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Storage;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Models;

public sealed class ModelLibraryTests : IAsyncLifetime
{
    private static readonly string BuiltIn = Path.GetDirectoryName(TestData.Model("story-3m"))!;
    private readonly StoreFile _file = new();
    private readonly FakeInspector _inspector = new();
    private SqliteDatabase _database = null!;
    private ModelStore _store = null!;
    private ModelFiles _files = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync()
    {
        _database = _file.Open();
        _store = new ModelStore(new SqliteResourceStore(_database, 100), _file.Data);
        _files = new ModelFiles(_store, _file.Data);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        _file.Dispose();
    }

    [Fact]
    public async Task The_story_models_are_ready_with_kinds_and_bases()
    {
        await StartAsync(BuiltIn);

        var models = (await _store.ListAsync(AccountName.Library, Cancellation)).ToDictionary(model => model.Name.Model.ToString());
        var story = models["story-3m"];
        (story.IsReady, story.Kind, story.ContextLength, story.Public, story.BaseModel).ShouldBe((true, ModelKind.HfBaseModel, 512, true, null));
        story.Folder.ShouldBe(Path.Combine(BuiltIn, "story-3m"));
        models["story-draft-400k"].Kind.ShouldBe(ModelKind.HfBaseModel);
        (models["story-3m-eagle"].Kind, models["story-3m-eagle"].BaseModel).ShouldBe((ModelKind.DraftAddon, story.Name));
        (models["story-3m-lora-zog"].Kind, models["story-3m-lora-zog"].BaseModel).ShouldBe((ModelKind.HfPeftAddon, story.Name));
        (models["story-3m-lora-bolt"].IsReady, models["story-3m-lora-bolt"].Peft!.R).ShouldBe((true, 4));
    }

    [Fact]
    public async Task Every_model_that_the_on_demand_page_names_has_an_entry()
    {
        await StartAsync(BuiltIn);

        var entries = (await _store.ListAsync(AccountName.Library, Cancellation)).Where(model => model.State == ModelState.Uploading).ToList();

        entries.Select(model => model.Name.Model.ToString()).ShouldBe([
            "deepseek-coder-v2-instruct", "eagle-llama-v3-3b-instruct-v2", "eagle-llama-v3-8b-instruct-v2", "eagle-qwen-v2p5-3b-instruct-v2",
            "eagle-qwen-v2p5-7b-instruct-v2", "firefunction-v2", "llama-v3-8b-instruct", "llama-v3p1-405b-instruct", "llama-v3p1-70b-instruct",
            "llama-v3p1-8b-instruct", "llama-v3p2-1b-instruct", "llama-v3p2-3b-instruct", "llama-v3p3-70b-instruct", "mixtral-8x7b-instruct",
            "qwen2p5-0p5b-instruct", "qwen2p5-3b-instruct", "qwen2p5-7b-instruct",
        ]);
        entries.ShouldAllBe(model => model.Folder == null && model.Public && model.Status!.Message.Contains("firectl upload model"));
        entries.Where(model => model.Moe).Select(model => model.Name.Model.ToString()).ShouldBe(["deepseek-coder-v2-instruct", "mixtral-8x7b-instruct"]);
    }

    [Fact]
    public async Task Every_default_draft_of_the_library_may_draft_for_its_model()
    {
        await StartAsync(BuiltIn);
        var models = (await _store.ListAsync(AccountName.Library, Cancellation)).ToDictionary(model => model.Name);

        var drafted = models.Values.Where(model => model.DefaultDraftModel is not null).ToList();

        drafted.ShouldContain(model => model.Name.ToString() == "accounts/fireworks/models/llama-v3-8b-instruct");
        foreach (var model in drafted) DraftRules.WhyNever(model, models[model.DefaultDraftModel!]).ShouldBeNull(model.Name.ToString());
    }

    [Fact]
    public async Task Starting_again_inspects_nothing_and_writes_nothing()
    {
        await StartAsync(BuiltIn);
        var (calls, revision) = (_inspector.Calls, (await _store.Rows.ListAsync(null, Cancellation)).Revision);

        await StartAsync(BuiltIn);

        calls.ShouldBe(5);
        (_inspector.Calls, (await _store.Rows.ListAsync(null, Cancellation)).Revision).ShouldBe((calls, revision));
    }

    [Fact]
    public async Task An_entry_that_an_operator_changed_stays_changed()
    {
        await StartAsync(BuiltIn);
        var name = AccountName.Library.Model(ResourceId.Parse("qwen2p5-3b-instruct"));
        var row = (await _store.Rows.FindAsync(name, Cancellation))!;
        await _store.Rows.UpdateSpecAsync(row, row.Spec with { DisplayName = "Ours" }, Cancellation);

        await StartAsync(BuiltIn);

        (await _store.Rows.FindAsync(name, Cancellation))!.Spec.DisplayName.ShouldBe("Ours");
    }

    [Fact]
    public async Task Changed_files_are_inspected_again()
    {
        var copy = CopyOf(BuiltIn);
        await StartAsync(copy);
        File.SetLastWriteTimeUtc(Path.Combine(copy, "story-3m", "config.json"), new DateTime(2031, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        var before = await DigestOf("story-3m");

        await StartAsync(copy);

        _inspector.Calls.ShouldBe(6);
        (await DigestOf("story-3m")).ShouldNotBe(before);
    }

    [Fact]
    public async Task A_broken_or_missing_folder_says_so_and_the_others_are_ready()
    {
        var copy = CopyOf(BuiltIn);
        await File.WriteAllTextAsync(Path.Combine(copy, "story-draft-400k", "config.json"), "{", Cancellation);
        Directory.Delete(Path.Combine(copy, "story-3m-eagle"), recursive: true);

        await StartAsync(copy);

        var models = (await _store.ListAsync(AccountName.Library, Cancellation)).ToDictionary(model => model.Name.Model.ToString());
        (models["story-draft-400k"].IsReady, models["story-draft-400k"].Status!.Message).ShouldBe((false, "config.json: is not valid JSON"));
        (models["story-3m-eagle"].IsReady, models["story-3m-eagle"].Status!.Code).ShouldBe((false, "FAILED_PRECONDITION"));
        models["story-3m"].IsReady.ShouldBeTrue();

        await StartAsync(BuiltIn); // mended
        (await _store.FindAsync(models["story-draft-400k"].Name, Cancellation))!.IsReady.ShouldBeTrue();
    }

    [Fact]
    public async Task Two_processes_that_seed_at_once_make_one_library()
    {
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => StartAsync(BuiltIn)));

        (await _store.ListAsync(AccountName.Library, Cancellation)).Count.ShouldBe(22);
    }

    [Fact]
    public async Task What_a_killed_process_left_of_deleted_models_is_swept()
    {
        var orphan = _store.FolderOf(ModelName.Parse("accounts/acme/models/orphan"));
        var removed = Path.Combine(_file.Data.Models, ".removed-1");
        foreach (var folder in new[] { orphan, removed })
        {
            Directory.CreateDirectory(folder);
            await File.WriteAllTextAsync(Path.Combine(folder, "config.json"), "{}", Cancellation);
        }

        await StartAsync(BuiltIn);

        (Directory.Exists(orphan), Directory.Exists(removed)).ShouldBe((false, false));
    }

    private Task StartAsync(string folder) => new ModelLibrary(
        _store, ModelCatalogue.Load(), _files, _inspector, Options.Create(new ModelOptions { LibraryFolder = folder }), NullLogger<ModelLibrary>.Instance)
        .StartAsync(Cancellation);

    private async Task<string?> DigestOf(string id) =>
        (await _store.FindAsync(AccountName.Library.Model(ResourceId.Parse(id)), Cancellation))!.FilesDigest;

    private string CopyOf(string folder)
    {
        var copy = Path.Combine(_file.Data.Root, "library");
        foreach (var file in Directory.GetFiles(folder, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(copy, Path.GetRelativePath(folder, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        return copy;
    }
}
