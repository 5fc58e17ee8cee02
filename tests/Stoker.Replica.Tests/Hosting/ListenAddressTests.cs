using Stoker.Replica.Hosting;

namespace Stoker.Replica.Tests.Hosting;

public sealed class ListenAddressTests
{
    [Theory]
    [InlineData("http://127.0.0.1:80", "127.0.0.1:80")]
    [InlineData("http://localhost:0", "127.0.0.1:0")]
    [InlineData("http://[::1]:81", "[::1]:81")]
    public void Reads_addresses_with_ports(string text, string endPoint)
    {
        ListenAddress.TryParse(text, out var address, out _).ShouldBeTrue();
        address!.EndPoint!.ToString().ShouldBe(endPoint);
    }

    [Theory]
    [InlineData("")]
    [InlineData("unix:")]
    [InlineData("https://127.0.0.1:80")]
    [InlineData("http://example.com:80")]
    [InlineData("http://127.0.0.1:80/path")]
    [InlineData("127.0.0.1:80")]
    public void Refuses_what_is_no_address(string text)
    {
        ListenAddress.TryParse(text, out _, out var error).ShouldBeFalse();
        error.ShouldNotBeNullOrEmpty();
    }

    [Fact]
    public void A_path_too_long_for_a_socket_is_refused_with_both_lengths()
    {
        ListenAddress.TryParse("unix:/" + new string('x', ListenAddress.MostPathBytes - 1), out _, out _).ShouldBeTrue();
        ListenAddress.TryParse("unix:/" + new string('x', ListenAddress.MostPathBytes), out _, out var error).ShouldBeFalse();
        error.ShouldContain("108");
        error.ShouldContain("107");
    }
}
