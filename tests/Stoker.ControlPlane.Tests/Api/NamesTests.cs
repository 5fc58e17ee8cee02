using Stoker.Api.Names;

namespace Stoker.ControlPlane.Tests.Api;

public class NamesTests
{
    [Theory]
    [InlineData("a")]
    [InlineData("my-model-2")]
    [InlineData("790c6851")] // the server's own identifiers may start with a digit
    public void A_resource_id_is_lower_case_digits_and_dashes(string text) =>
        ResourceId.Parse(text).ToString().ShouldBe(text);

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("-a")]
    [InlineData("a-")]
    [InlineData("A")]
    [InlineData("a_b")]
    [InlineData("a.b")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("ä")]
    [InlineData("a\0")]
    [InlineData("1234567890123456789012345678901234567890123456789012345678901234")] // 64
    public void Anything_else_is_none(string? text) => ResourceId.TryParse(text, out _).ShouldBeFalse();

    [Fact]
    public void Only_the_server_makes_ids_with_a_leading_digit()
    {
        ResourceId.Parse("7b").IsUserChosen.ShouldBeFalse();
        ResourceId.Parse("b7").IsUserChosen.ShouldBeTrue();
    }

    [Fact]
    public void A_name_prints_as_it_was_read()
    {
        const string text = "accounts/fireworks/models/story-3m";
        var name = ModelName.Parse(text);
        name.ToString().ShouldBe(text);
        name.Parent.ShouldBe(AccountName.Library);
        name.ShouldBe(AccountName.Library.Model(ResourceId.Parse("story-3m")));
    }

    [Theory]
    [InlineData("models/m")]
    [InlineData("accounts/a/models/")]
    [InlineData("accounts/a/models/m/")]
    [InlineData("accounts/a/deployments/m")]
    [InlineData("/accounts/a/models/m")]
    [InlineData("accounts/../models/m")]
    [InlineData("accounts/A/models/m")]
    public void What_is_no_model_name_is_refused(string text) => ModelName.TryParse(text, out _).ShouldBeFalse();
}
