using Stoker.Benchmarks.Addons;
using Stoker.Benchmarks.RandomModels;
using Stoker.Engine;

namespace Stoker.Benchmarks.Tests.Addons;

public sealed class RandomAddonsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("tiny-llama")]
    [InlineData("tiny-qwen2")]
    public async Task The_engine_takes_them_as_different_addons_of_all_seven_projections(string name)
    {
        var shape = RandomShape.Find(name);
        RandomModel.Write(shape, _folder["model"]);
        await using var engine = InferenceEngine.Open(_folder["model"], new() { Threads = 1, Addons = new() });
        var digests = new List<string>();
        foreach (var folder in RandomAddons.Folders(_folder.Path, shape, count: 2, rank: 5))
        {
            var addon = await engine.LoadAddonAsync(folder, TestContext.Current.CancellationToken);
            (addon.Rank, addon.Modules.Count).ShouldBe((5, 7));
            digests.Add(addon.Digest);
        }

        digests.Distinct().Count().ShouldBe(2);
        RandomAddons.Folders(_folder.Path, shape, count: 3, rank: 5).Length.ShouldBe(3);
    }

    public void Dispose() => _folder.Dispose();
}
