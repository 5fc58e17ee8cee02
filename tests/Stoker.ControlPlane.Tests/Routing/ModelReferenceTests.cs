using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Tests.Routing;

public class ModelReferenceTests
{
    [Theory]
    [InlineData("accounts/a/models/m#accounts/b/deployments/d", "accounts/a/models/m", "accounts/b/deployments/d")]
    [InlineData("a/m#b/d", "accounts/a/models/m", "accounts/b/deployments/d")]
    [InlineData("accounts/a/models/m#b/d", "accounts/a/models/m", "accounts/b/deployments/d")]
    [InlineData("a/m#accounts/b/deployments/d", "accounts/a/models/m", "accounts/b/deployments/d")]
    [InlineData("accounts/b/deployments/d", null, "accounts/b/deployments/d")]
    [InlineData("accounts/a/models/m", "accounts/a/models/m", null)]
    [InlineData("a/m", "accounts/a/models/m", null)]
    [InlineData("a/12ab34cd56ef", "accounts/a/models/12ab34cd56ef", null)]
    public void Reads_every_form(string text, string? model, string? deployment)
    {
        var reference = ModelReference.Parse(text)!;

        (reference.Model?.ToString(), reference.Deployment?.ToString()).ShouldBe((model, deployment));
    }

    [Theory]
    [InlineData("")]
    [InlineData("m")]
    [InlineData("#d")]
    [InlineData("a/m#")]
    [InlineData("#a/d")]
    [InlineData("a/m#d")]
    [InlineData("a/m#b/d#c/e")]
    [InlineData("accounts/b/deployments/d#accounts/b/deployments/d")]
    [InlineData("accounts/a/deployedModels/x")]
    [InlineData("accounts/a/routers/r")]
    [InlineData("accounts/a/models")]
    [InlineData("accounts/a/models/m/versions/1")]
    [InlineData("/accounts/a/models/m")]
    [InlineData("A/M")]
    [InlineData("a/../b")]
    [InlineData("a/m ")]
    public void Other_text_names_nothing(string text) => ModelReference.Parse(text).ShouldBeNull();

    [Fact]
    public void Endless_text_names_nothing() => ModelReference.Parse("a/" + new string('b', 10_000_000)).ShouldBeNull();
}
