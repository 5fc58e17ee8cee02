using Stoker.ControlPlane.Addons;
using Stoker.ControlPlane.Tests.Deployments;

namespace Stoker.ControlPlane.Tests.Addons;

public sealed class AddonRowsTests : IAsyncDisposable
{
    private readonly AddonWorld _world = new();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Whatever_is_written_and_however_seldom_it_looks_it_finds_what_a_list_finds()
    {
        var (kept, random) = (new AddonRows(_world.Store), new Random(11));
        for (var turn = 0; turn < 200; turn++)
        {
            var (model, place) = ($"m{random.Next(4)}", $"d{random.Next(3)}");
            var name = AddonWorld.NameOf(model, place);
            var row = await _world.Store.Rows.FindAsync(name, Cancellation);
            if (row is null)
            {
                var spec = new DeployedModelSpec(AddonWorld.ModelOf(model), DeploymentWorld.Name(place), Default: false, Public: false, null, null);
                (await _world.Store.Rows.CreateAsync(name, spec, DeployedModelStatus.New, Cancellation)).Problem.ShouldBeNull();
            }
            else if (random.Next(2) == 0)
            {
                (await _world.Store.Rows.DeleteAsync(row, Cancellation)).Problem.ShouldBeNull();
            }
            else
            {
                (await _world.Store.Rows.UpdateSpecAsync(row, row.Spec with { Default = !row.Spec.Default }, Cancellation)).Problem.ShouldBeNull();
            }

            if (random.Next(3) > 0) continue;
            await kept.CatchUpAsync(Cancellation);
            var all = await _world.Store.Rows.ListAsync(null, Cancellation);
            kept.Revision.ShouldBe(all.Revision);
            kept.Deployments.ShouldBe(all.Items.Select(item => item.Spec.Deployment).Distinct(), ignoreOrder: true);
            foreach (var number in Enumerable.Range(0, 4))
            {
                var (deployment, addon) = (DeploymentWorld.Name($"d{number}"), AddonWorld.ModelOf($"m{number}"));
                kept.Of(deployment).ShouldBe(all.Items.Where(item => item.Spec.Deployment == deployment), ignoreOrder: true);
                kept.Of(DeploymentWorld.Account, addon).ShouldBe(all.Items.Where(item => item.Spec.Model == addon), ignoreOrder: true);
            }
        }
    }
}
