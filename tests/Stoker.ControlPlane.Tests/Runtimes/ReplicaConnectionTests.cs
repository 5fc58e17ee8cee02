using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Tests.Runtimes;

public sealed class ReplicaConnectionTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("stoker-");

    private string Socket => Path.Combine(_folder.FullName, "replica");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(400, 0)] // it takes no addons
    [InlineData(404, 0)]
    [InlineData(500, null)] // it may say more the next time
    [InlineData(503, null)]
    public async Task A_replica_that_refuses_to_say_which_addons_it_has_has_none(int status, int? count)
    {
        var id = ReplicaId.Random();
        await using var server = await FakeReplicaServer.StartAsync(Socket, id);
        server.AddonsStatus = status;
        using var connection = new ReplicaConnection(id, Socket, TimeProvider.System);
        (await connection.AddonsAsync(TestContext.Current.CancellationToken))?.Count.ShouldBe(count ?? -1);
        (await connection.AddonsAsync(TestContext.Current.CancellationToken) is null).ShouldBe(count is null);
    }

    [Fact]
    public async Task Nobody_at_the_address_says_nothing()
    {
        using var connection = new ReplicaConnection(ReplicaId.Random(), Socket, TimeProvider.System);
        (await connection.AddonsAsync(TestContext.Current.CancellationToken)).ShouldBeNull();
    }
}
