using FsCheck;
using FsCheck.Fluent;
using Stoker.Api.Time;

namespace Stoker.ControlPlane.Tests.Api;

public class GoDurationTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("+0", 0)]
    [InlineData("-0", 0)]
    [InlineData("0s", 0)]
    [InlineData("30s", 30_000)]
    [InlineData("10m", 600_000)]
    [InlineData("1h30m", 5_400_000)]
    [InlineData("1h0m0s", 3_600_000)]
    [InlineData("1.5h", 5_400_000)]
    [InlineData(".5s", 500)]
    [InlineData("1.s", 1_000)]
    [InlineData("-1.5s", -1_500)]
    [InlineData("+5m", 300_000)]
    [InlineData("100ms", 100)]
    [InlineData("5000us", 5)]
    [InlineData("5000µs", 5)]
    [InlineData("5000μs", 5)]
    [InlineData("3000000ns", 3)]
    [InlineData("1s1h1s", 3_602_000)]
    [InlineData("0.3333333333333333333h", 1_200_000)]
    public void Reads_what_Go_reads(string text, long milliseconds)
    {
        GoDuration.TryParse(text, out var duration).ShouldBeTrue();
        duration.ShouldBe(TimeSpan.FromMilliseconds(milliseconds));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("3")]
    [InlineData("-")]
    [InlineData("+")]
    [InlineData("s")]
    [InlineData(".")]
    [InlineData(".s")]
    [InlineData("-.s")]
    [InlineData("+.s")]
    [InlineData("1d")]
    [InlineData("1 s")]
    [InlineData(" 1s")]
    [InlineData("1s ")]
    [InlineData("--1s")]
    [InlineData("1.2.3s")]
    [InlineData("1e3s")]
    [InlineData("1S")]
    [InlineData("3000000h")] // 63 bits of nanoseconds are 2562047h47m16.854775807s
    [InlineData("9223372036854775808ns")]
    [InlineData("9223372036854775.808us1ns")]
    [InlineData("٣s")] // a digit, but not one of Go's
    public void Refuses_what_Go_refuses(string? text) => GoDuration.TryParse(text, out _).ShouldBeFalse();

    [Theory]
    [InlineData(0, "0s")]
    [InlineData(1, "100ns")]
    [InlineData(15, "1.5µs")]
    [InlineData(10_000, "1ms")]
    [InlineData(15_000_000, "1.5s")]
    [InlineData(300_000_000, "30s")]
    [InlineData(6_000_000_000, "10m0s")]
    [InlineData(36_000_000_000, "1h0m0s")]
    [InlineData(54_000_000_000, "1h30m0s")]
    [InlineData(-15_000_000, "-1.5s")]
    public void Prints_what_Go_prints(long ticks, string text) => GoDuration.Format(new TimeSpan(ticks)).ShouldBe(text);

    [Fact]
    public void Reads_what_it_prints() => Prop.ForAll(ArbMap.Default.ArbFor<long>(), ticks =>
    {
        var duration = new TimeSpan(ticks / 200); // what fits Go's 63 bits of nanoseconds
        return GoDuration.TryParse(GoDuration.Format(duration), out var back) && back == duration;
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(30, "30s")]
    [InlineData(3600, "3600s")]
    [InlineData(0.25, "0.25s")]
    [InlineData(0, "0s")]
    [InlineData(-1, "-1s")]
    public void The_wire_form_counts_seconds(double seconds, string text)
    {
        ProtoDuration.Format(TimeSpan.FromSeconds(seconds)).ShouldBe(text);
        ProtoDuration.TryParse(text, out var back).ShouldBeTrue();
        back.ShouldBe(TimeSpan.FromSeconds(seconds));
    }
}
