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

    [Fact]
    public void Reads_a_deployed_model()
    {
        var reference = ModelReference.Parse("accounts/a/deployedModels/zog-0123abcd")!;
        (reference.Model, reference.Deployment, reference.DeployedModel?.ToString()).ShouldBe((null, null, "accounts/a/deployedModels/zog-0123abcd"));
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
    [InlineData("accounts/a/routers/r")]
    [InlineData("accounts/a/deployedModels/x#accounts/b/deployments/d")]
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
