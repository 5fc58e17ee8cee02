using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Addons;

/// <summary>What may be loaded where: pure.</summary>
internal static class AddonRules
{
    /// <summary>What a replica reserves its pool for; the same bound holds when an addon is uploaded.</summary>
    public const int MaxRank = 64;

    private const int SuffixLength = 9; // a dash and eight hexadecimal digits

    public static UpdatableFields Updatable { get; } = new(
        Mutable: ["display_name", "description", "default", "public"],
        OutputOnly: ["name", "create_time", "update_time", "state", "status"]);

    /// <summary>
    /// The hosted form, <c>my-lora-a3c03f21</c>. It follows from the addon and its deployment, so that of two loads at once the
    /// store refuses one.
    /// </summary>
    public static DeployedModelName NameOf(ModelName model, DeploymentName deployment) => NameOf(deployment.Parent, model, deployment);

    /// <param name="account">Whose it is: on a shared deployment not the deployment's own.</param>
    public static DeployedModelName NameOf(AccountName account, ModelName model, DeploymentName deployment)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{model}#{deployment}")).AsSpan(0, 4));
        var id = model.Model.ToString();
        var most = ResourceId.MaxLength - SuffixLength;
        return new(account.Account, ResourceId.Parse($"{(id.Length <= most ? id : id[..most])}-{hash}"));
    }

    /// <summary>
    /// The name that replicas know it by. It has the digest of its files, so that a model's name that is used again never
    /// meets weights or prompts of the old one.
    /// </summary>
    public static string ServedName(Model model) => string.Create(CultureInfo.InvariantCulture, $"{model.Name}@{model.FilesDigest}");

    /// <summary>The fields that a load may have.</summary>
    public static void Fields(DeployedModelResource asked, Violations violations)
    {
        violations.Require(string.IsNullOrEmpty(asked.Name), "name", "is made by the server: leave it out");
        violations.Require(!string.IsNullOrEmpty(asked.Model), "model", "is required: the addon to load");
        var serverless = asked.Serverless == true;
        violations.Require(
            serverless != !string.IsNullOrEmpty(asked.Deployment),
            "deployment", serverless ? "is the platform's with serverless: leave one of them out" : "is required: where to load it, or serverless instead of it");
        violations.Require(!serverless || asked.Default != true, "default", "is for deployments of your own: the serverless tier answers for a name that leads to none of them");
        violations.Require(!serverless || asked.Public != true, "public", "is for deployments of your own: on the serverless tier every account deploys an addon itself");
        Texts(asked, violations);
    }

    public static void Texts(DeployedModelResource asked, Violations violations)
    {
        AtMost("display_name", asked.DisplayName, 63);
        AtMost("description", asked.Description, 999);

        void AtMost(string field, string? text, int most) =>
            violations.Require(text is null || text.Length <= most, field, $"must have at most {most} characters, had {text?.Length}");
    }

    /// <summary>What an update may not make of one on the serverless tier.</summary>
    public static void Shared(DeployedModelSpec spec, DeployedModelResource asked, Violations violations)
    {
        if (!spec.Deployment.IsShared()) return;
        violations.Require(asked.Default != true, "default", "cannot be true on the serverless tier");
        violations.Require(asked.Public != true, "public", "cannot be true on the serverless tier");
    }

    /// <summary>Where an addon is served without a deployment of one's own.</summary>
    public static Result<DeploymentName> SharedPlace(Model addon, Model? own) => own is { SupportsServerless: true }
        ? SharedDeployment.Of(own.Name)
        : Problem.FailedPrecondition(
            $"{addon.BaseModel?.ToString() ?? "its base model"} is not on the serverless tier: load {addon.Name} on a deployment of your own "
            + $"(firectl create deployment {addon.BaseModel} --enable-addons, then firectl deploy {addon.Name.Model} --deployment ID)");

    /// <summary>Whether there may be one more. The words on an account are the hosted platform's.</summary>
    public static Problem? Full(AccountName account, DeploymentName place, int inAccount, int onDeployment, AddonsOptions options)
    {
        if (inAccount >= options.MaxPerAccount)
        {
            return new(
                Code.ResourceExhausted,
                $"lora-count for account {account.Account}, in use: {inAccount}, quota: {options.MaxPerAccount}, requesting: 1; "
                + $"undeploy some, or have an operator raise {AddonsOptions.Section}:{nameof(AddonsOptions.MaxPerAccount)}");
        }

        return onDeployment < options.MaxPerDeployment
            ? null
            : new(
                Code.ResourceExhausted,
                $"{place} has {onDeployment} addons, as many as may be: undeploy some, use another deployment, or have an operator raise "
                + $"{AddonsOptions.Section}:{nameof(AddonsOptions.MaxPerDeployment)}");
    }

    public static Problem? FullServerless(AccountName account, int there, AddonsOptions options) => there < options.MaxServerlessPerAccount
        ? null
        : new(
            Code.ResourceExhausted,
            $"serverless-lora-count for account {account.Account}, in use: {there}, quota: {options.MaxServerlessPerAccount}, requesting: 1; "
            + $"undeploy some, use a deployment of your own, or have an operator raise {AddonsOptions.Section}:{nameof(AddonsOptions.MaxServerlessPerAccount)}");

    /// <summary>Whether the addon can run beside what the deployment serves.</summary>
    public static Problem? Check(Model addon, Deployment deployment)
    {
        var violations = new Violations();
        if (!addon.IsAddon)
        {
            violations.Add("model", addon.Kind == ModelKind.DraftAddon
                ? $"{addon.Name} is a draft head: name it with --draft-model when you create a deployment"
                : $"{addon.Name} is a {WireEnum.TextOf(addon.Kind)}, not an addon: a deployment of it serves it without a load");
            return violations.ToProblem();
        }

        if (addon.BaseModel is { } own && own != deployment.Spec.BaseModel)
        {
            violations.Add("model", $"{addon.Name} is an addon of {own}, and {deployment.Name} runs {deployment.Spec.BaseModel}: load it on a deployment of {own}");
        }

        violations.Require(
            addon.Peft?.R is not > MaxRank, "model", $"{addon.Name} has rank {addon.Peft?.R}, and a deployment takes addons of rank {MaxRank} at most");
        return violations.Any ? violations.ToProblem() : Unready(addon) ?? Unready(deployment);
    }

    private static Problem? Unready(Model addon) => addon.IsReady && addon.FilesDigest is not null
        ? null
        : Problem.FailedPrecondition($"{addon.Name} has no weights here yet: upload its files with `firectl upload model {addon.Name} PATH` and try again");

    private static Problem? Unready(Deployment deployment)
    {
        var id = deployment.Name.Deployment;
        if (deployment.Deletion is not null) return Problem.FailedPrecondition($"{deployment.Name} is deleted: undelete it, or load the addon elsewhere");
        if (!deployment.Spec.EnableAddons && deployment.Name.IsShared()) return Problem.FailedPrecondition($"addons are not supported for {deployment.Spec.BaseModel}");
        if (!deployment.Spec.EnableAddons)
        {
            return Problem.FailedPrecondition($"{deployment.Name} takes no addons: switch them on first (firectl update deployment {id} --enable-addons)");
        }

        if (deployment.Name.IsShared()) return null; // how far it is is the platform's business: requests wait for it
        return deployment.Status.State == DeploymentState.Ready && deployment.Status.ObservedGeneration == deployment.Generation
            ? null
            : Problem.FailedPrecondition($"{deployment.Name} is {deployment.ToResource().State}, not READY: wait for it (firectl get deployment {id}) and try again");
    }
}
