using System.Text.Json;
using Stoker.Api;
using Stoker.Api.Replicas;
using Stoker.Replica.Hosting;
using Stoker.Testing;

namespace Stoker.Replica.Tests.Hosting;

public sealed class LifeFileTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("stoker-life-");
    private readonly ManualTime _time = new(new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));

    private string Sign => Path.Combine(_directory.FullName, ReplicaProtocol.LifeFile);

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void A_sign_of_life_is_never_older_than_its_interval_and_says_when_it_was()
    {
        using var life = LifeFile.Start(_directory.FullName, "abcdefghijkl", _time);
        for (var sign = 0; sign < 3; sign++)
        {
            _time.Advance(ReplicaProtocol.LifeInterval);
            var written = JsonSerializer.Deserialize(File.ReadAllBytes(Sign), ApiJson.Default.ReplicaLifeSign).ShouldNotBeNull();
            (written.ReplicaId, written.Ticks).ShouldBe(("abcdefghijkl", _time.GetTimestamp()));
            written.BootId.ShouldNotBeEmpty();
        }
    }

    [Fact]
    public void A_directory_that_takes_nothing_costs_only_the_sign()
    {
        using var life = LifeFile.Start(Path.Combine(_directory.FullName, "gone"), "abcdefghijkl", _time);
        _time.Advance(ReplicaProtocol.LifeInterval);
        File.Exists(Sign).ShouldBeFalse();
    }

    [Fact]
    public void A_replica_without_a_directory_writes_none() => LifeFile.Start(directory: null, "abcdefghijkl", _time).ShouldBeNull();
}
