using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Stoker.ControlPlane.Serverless;

namespace Stoker.ControlPlane.Tests.Serverless;

public class ServerlessOptionsTests
{
    [Fact]
    public void Accounts_have_the_default_tier_or_their_own()
    {
        var options = Read(("Tiers:gold:RequestsPerMinute", "6000"), ("AccountTiers:acme", "gold"), ("Tiers:standard:GeneratedTokensPerMinute", "1000"));

        options.TierOf("acme").RequestsPerMinute.ShouldBe(6000);
        var other = options.TierOf("other");
        (other.RequestsPerMinute, other.PromptTokensPerMinute, other.GeneratedTokensPerMinute).ShouldBe((600, 3_600_000, 1000));
    }

    [Theory]
    [InlineData("DefaultTier", "gold", "Stoker:Serverless:DefaultTier must be a tier (standard), was 'gold'")]
    [InlineData("AccountTiers:acme", "gold", "Stoker:Serverless:AccountTiers:acme must be a tier (standard), was 'gold'")]
    [InlineData("Tiers:standard:RequestsPerMinute", "0", "RequestsPerMinute must be between 1 and 1000000000")]
    [InlineData("MaxReplicas", "0", "MaxReplicas must be between 1 and 1000")]
    public void A_bad_setting_stops_the_start_with_its_name(string setting, string value, string message) =>
        Should.Throw<OptionsValidationException>(() => Read((setting, value))).Message.ShouldContain(message);

    private static ServerlessOptions Read(params (string Setting, string Value)[] settings)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Select(item => KeyValuePair.Create($"{ServerlessOptions.Section}:{item.Setting}", (string?)item.Value))).Build();
        using var services = new ServiceCollection().AddSingleton<IConfiguration>(configuration).AddServerless().BuildServiceProvider();
        return services.GetRequiredService<IOptions<ServerlessOptions>>().Value;
    }
}
