using FsCheck;
using FsCheck.Fluent;
using Stoker.Api.Time;

namespace Stoker.ControlPlane.Tests.Api;

public class GoDurationTests
{
    /// <summary>
    /// Go's own accepted forms with the nanoseconds that Go makes of them. A tick has 100: what is below one is dropped
    /// towards zero.
    /// </summary>
    [Theory]
    [InlineData("0", 0)]
    [InlineData("5s", 5_000_000_000)]
    [InlineData("30s", 30_000_000_000)]
    [InlineData("1478s", 1_478_000_000_000)]
    [InlineData("-5s", -5_000_000_000)]
    [InlineData("+5s", 5_000_000_000)]
    [InlineData("-0", 0)]
    [InlineData("+0", 0)]
    [InlineData("5.0s", 5_000_000_000)]
    [InlineData("5.6s", 5_600_000_000)]
    [InlineData("5.s", 5_000_000_000)]
    [InlineData(".5s", 500_000_000)]
    [InlineData("1.0s", 1_000_000_000)]
    [InlineData("1.00s", 1_000_000_000)]
    [InlineData("1.004s", 1_004_000_000)]
    [InlineData("1.0040s", 1_004_000_000)]
    [InlineData("100.00100s", 100_001_000_000)]
    [InlineData("10ns", 10)]
    [InlineData("11us", 11_000)]
    [InlineData("12\u00b5s", 12_000)]
    [InlineData("12\u03bcs", 12_000)]
    [InlineData("13ms", 13_000_000)]
    [InlineData("14s", 14_000_000_000)]
    [InlineData("15m", 900_000_000_000)]
    [InlineData("16h", 57_600_000_000_000)]
    [InlineData("3h30m", 12_600_000_000_000)]
    [InlineData("10.5s4m", 250_500_000_000)]
    [InlineData("-2m3.4s", -123_400_000_000)]
    [InlineData("1h2m3s4ms5us6ns", 3_723_004_005_006)]
    [InlineData("39h9m14.425s", 140_954_425_000_000)]
    [InlineData("52763797000ns", 52_763_797_000)]
    [InlineData("0.3333333333333333333h", 1_200_000_000_000)]
    [InlineData("9007199254740993ns", 9_007_199_254_740_993)]
    [InlineData("9223372036854775807ns", long.MaxValue)]
    [InlineData("9223372036854775.807us", long.MaxValue)]
    [InlineData("9223372036s854ms775us807ns", long.MaxValue)]
    [InlineData("-9223372036854775808ns", long.MinValue)]
    [InlineData("-9223372036854775.808us", long.MinValue)]
    [InlineData("-9223372036s854ms775us808ns", long.MinValue)]
    [InlineData("-2562047h47m16.854775808s", long.MinValue)]
    [InlineData("0.100000000000000000000h", 360_000_000_000)]
    [InlineData("0.830103483285477580700h", 2_988_372_539_827)]
    [InlineData("1s1h1s", 3_602_000_000_000)]
    [InlineData("00005s", 5_000_000_000)]
    [InlineData("0.000000000000000000000000001h", 0)]
    [InlineData("99ns", 99)]
    [InlineData("-99ns", -99)]
    [InlineData("0.9999999999999999999s", 1_000_000_000)] // Go rounds fractions as floating point does
    public void Reads_what_Go_reads_to_the_tick(string text, long nanoseconds)
    {
        GoDuration.TryParse(text, out var duration).ShouldBeTrue();
        duration.ShouldBe(new TimeSpan(nanoseconds / 100));
    }

    /// <summary>Bytes that are no UTF-8 arrive from a command line as U+FFFD.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("3")]
    [InlineData("-")]
    [InlineData("+")]
    [InlineData("s")]
    [InlineData(".")]
    [InlineData("-.")]
    [InlineData(".s")]
    [InlineData("-.s")]
    [InlineData("+.s")]
    [InlineData("1d")]
    [InlineData("\u0085\u0085")]
    [InlineData("\uFFFDff")]
    [InlineData("hello \uFFFDff world")]
    [InlineData("9223372036854775810ns")]
    [InlineData("9223372036854775808ns")]
    [InlineData("-9223372036854775809ns")]
    [InlineData("9223372036854776us")]
    [InlineData("3000000h")]
    [InlineData("9223372036854775.808us")]
    [InlineData("9223372036854ms775us808ns")]
    [InlineData("00")]
    [InlineData("1")]
    [InlineData("-3")]
    [InlineData("1 s")]
    [InlineData(" 1s")]
    [InlineData("1s ")]
    [InlineData("--1s")]
    [InlineData("+-1s")]
    [InlineData("1.2.3s")]
    [InlineData("1,5s")]
    [InlineData("1e3s")]
    [InlineData("1S")]
    [InlineData("1M")]
    [InlineData("1min")]
    [InlineData("1h30")]
    [InlineData("0x1s")]
    [InlineData("1_000s")]
    [InlineData("inf")]
    [InlineData("99999999999999999999999999999999999999h")]
    [InlineData("340282366920938463463374607431768211456ns")]
    [InlineData("\u0663s")]
    [InlineData("1\u0000s")]
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

    /// <summary>The forms of proto3 JSON over its whole range, and Go's, which people paste into JSON.</summary>
    [Theory]
    [InlineData("30s", 300_000_000)]
    [InlineData("600s", 6_000_000_000)]
    [InlineData("1.5s", 15_000_000)]
    [InlineData("-1.5s", -15_000_000)]
    [InlineData("3.000s", 30_000_000)]
    [InlineData("3.000000s", 30_000_000)]
    [InlineData("0.000000100s", 1)]
    [InlineData("0.000000099s", 0)] // towards zero
    [InlineData("-0.999999999s", -9_999_999)]
    [InlineData("315576000000s", 3_155_760_000_000_000_000)] // proto's largest, beyond Go's
    [InlineData("-315576000000.999999999s", -3_155_760_000_009_999_999)]
    [InlineData("1h30m", 54_000_000_000)]
    [InlineData("0", 0)]
    public void The_wire_takes_protos_forms_and_Gos(string text, long ticks)
    {
        ProtoDuration.TryParse(text, out var duration).ShouldBeTrue();
        duration.Ticks.ShouldBe(ticks);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("30")]
    [InlineData("1.5")]
    [InlineData("30 s")]
    [InlineData("30S")]
    [InlineData("30sec")]
    [InlineData("PT30S")]
    [InlineData("00:00:30")]
    [InlineData("1e3s")]
    [InlineData("1,5s")]
    [InlineData("--1s")]
    [InlineData("315576000001s")]
    [InlineData("-315576000001s")]
    [InlineData("99999999999999999999999999999999999999999999s")]
    [InlineData("NaNs")]
    [InlineData("Infinitys")]
    public void The_wire_refuses_what_is_neither(string? text) => ProtoDuration.TryParse(text, out _).ShouldBeFalse();

    [Fact]
    public void The_wire_reads_what_it_writes() => Prop.ForAll(ArbMap.Default.ArbFor<long>(), ticks =>
    {
        var duration = new TimeSpan(ticks / 3); // what fits proto's ten thousand years
        return Math.Abs((decimal)duration.Ticks) > 3_155_760_000_000_000_000m
            || (ProtoDuration.TryParse(ProtoDuration.Format(duration), out var back) && back == duration);
    }).QuickCheckThrowOnFailure();
}
