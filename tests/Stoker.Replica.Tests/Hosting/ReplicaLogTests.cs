using Microsoft.Extensions.Logging;
using Stoker.Replica.Hosting;
using Stoker.Testing;

namespace Stoker.Replica.Tests.Hosting;

public sealed class ReplicaLogTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("stoker-log-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Stays_within_twice_its_bound_and_keeps_the_latest_lines()
    {
        var path = Path.Combine(_directory, "log.txt");
        using (var log = new ReplicaLog(path, LogLevel.Information, Time(), mostBytes: 10_000))
        {
            var logger = log.CreateLogger("Stoker.Test");
#pragma warning disable CA1848, CA1873, CA2254 // the log itself is under test
            for (var line = 0; line < 5_000; line++) logger.LogInformation($"line {line}");
        }

        Directory.GetFiles(_directory).Select(Path.GetFileName).Order().ShouldBe(["log.1.txt", "log.txt"]);
        Directory.GetFiles(_directory).Sum(file => new FileInfo(file).Length).ShouldBeLessThanOrEqualTo(20_000);
        File.ReadLines(path).Last().ShouldEndWith("line 4999");
        File.GetUnixFileMode(path).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    [Fact]
    public void Writes_an_exceptions_type_and_place_but_never_its_message()
    {
        var path = Path.Combine(_directory, "log.txt");
        using (var log = new ReplicaLog(path, LogLevel.Debug, Time()))
        {
            log.CreateLogger("Stoker.Test").LogError(new InvalidOperationException("secret", new IOException("inner secret")), "It failed");
        }

        var text = File.ReadAllText(path);
        text.ShouldContain("2030-01-01T12:00:00.000Z Error Stoker.Test: It failed");
        text.ShouldContain("System.InvalidOperationException");
        text.ShouldContain("System.IO.IOException");
        text.ShouldNotContain("secret");
    }

    [Fact]
    public void Foreign_categories_are_heard_from_warnings_on_whatever_the_level()
    {
        using var log = new ReplicaLog(Path.Combine(_directory, "log.txt"), LogLevel.Debug, Time());
        log.CreateLogger("Microsoft.AspNetCore.Server.Kestrel").IsEnabled(LogLevel.Information).ShouldBeFalse();
        log.CreateLogger("Microsoft.AspNetCore.Server.Kestrel").IsEnabled(LogLevel.Warning).ShouldBeTrue();
        log.CreateLogger("Stoker.Replica").IsEnabled(LogLevel.Debug).ShouldBeTrue();
    }

    private static ManualTime Time() => new(new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));
}
