using Stoker.Engine.Kernels;

namespace Stoker.Engine.Tests.Kernels;

public class KernelSetsTests
{
    [Fact]
    public void A_set_is_forced_by_its_name()
    {
        foreach (var name in KernelSets.SupportedNames)
        {
            KernelSets.Choose(name).Name.ShouldBe(name);
        }
    }

    [Fact]
    public void The_fastest_supported_set_is_the_default_and_never_the_reference()
    {
        KernelSets.Choose().Name.ShouldBe(KernelSets.SupportedNames.First());
        KernelSets.Choose().Name.ShouldNotBe("reference");
    }

    [Fact]
    public void An_unknown_name_is_refused_with_the_known_ones() =>
        Should.Throw<ArgumentException>(() => KernelSets.Choose("cuda")).Message
            .ShouldStartWith("kernel set 'cuda' does not exist; supported here: ");
}
