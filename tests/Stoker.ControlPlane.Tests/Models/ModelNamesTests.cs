using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Storage;

namespace Stoker.ControlPlane.Tests.Models;

public sealed class ModelNamesTests : IAsyncLifetime
{
    private static readonly AccountName Mine = AccountName.Parse("accounts/mine");
    private readonly StoreFile _file = new();
    private SqliteDatabase _database = null!;
    private ModelStore _store = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = _file.Open();
        _store = new ModelStore(new SqliteResourceStore(_database, 100), _file.Data);
        await Add("accounts/mine/models/both", isPublic: false);
        await Add("accounts/mine/models/own", isPublic: false);
        await Add("accounts/fireworks/models/both", isPublic: true);
        await Add("accounts/fireworks/models/library", isPublic: true);
        await Add("accounts/fireworks/models/hidden", isPublic: false);
        await Add("accounts/other/models/secret", isPublic: false);
        await Add("accounts/other/models/shared", isPublic: true);
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        _file.Dispose();
    }

    [Theory]
    [InlineData("own", "accounts/mine/models/own")]
    [InlineData("both", "accounts/mine/models/both")] // the own account comes first
    [InlineData("library", "accounts/fireworks/models/library")]
    [InlineData("accounts/fireworks/models/both", "accounts/fireworks/models/both")]
    [InlineData("accounts/mine/models/own", "accounts/mine/models/own")]
    public async Task A_name_means_the_callers_model_or_the_librarys(string text, string expected) =>
        (await new ModelNames(_store).ResolveAsync(Mine, text, Cancellation)).Value.Name.ToString().ShouldBe(expected);

    [Theory]
    [InlineData("secret")]
    [InlineData("hidden")]
    [InlineData("missing")]
    [InlineData("accounts/other/models/secret")]
    [InlineData("accounts/other/models/shared")] // public or not: models are shared through the library alone
    [InlineData("accounts/other/models/missing")]
    [InlineData("accounts/fireworks/models/hidden")]
    [InlineData("accounts/fireworks/models/missing")]
    [InlineData("accounts/nobody/models/missing")]
    public async Task What_the_caller_may_not_see_is_answered_like_what_is_not_there(string text) =>
        (await new ModelNames(_store).ResolveAsync(Mine, text, Cancellation)).Problem.ShouldBe(Problem.NotFound($"model \"{text}\" not found"));

    [Theory]
    [InlineData("")]
    [InlineData("Not A Name")]
    [InlineData("accounts/a/models/b/c")]
    [InlineData("models/x")]
    [InlineData("../x")]
    public async Task What_is_no_name_is_refused(string text) =>
        (await new ModelNames(_store).ResolveAsync(Mine, text, Cancellation)).Problem!.Code.ShouldBe(Code.InvalidArgument);

    private async Task Add(string name, bool isPublic) => (await _store.Rows.CreateAsync(
        ModelName.Parse(name), new ModelResource { Kind = "HF_BASE_MODEL", Public = isPublic }, ModelStatus.Empty(null), Cancellation)).Problem.ShouldBeNull();
}
