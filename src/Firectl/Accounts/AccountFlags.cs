using System.CommandLine;
using Stoker.Api.Resources;

namespace Firectl.Accounts;

/// <summary>The flags of an account's own fields.</summary>
internal sealed class AccountFlags : FieldFlags
{
    private readonly Option<string?> _displayName, _email;
    private readonly Option<bool> _guard;

    public AccountFlags()
    {
        _displayName = Text("--display-name", "display_name", "A name for people");
        _email = Text("--email", "email", "Whom to write to");
        _guard = Flag(
            "--deployment-deletion-guard", "deployment_deletion_guard", "Deployments that had requests in the last hour are deleted with --ignore-checks only");
    }

    public AccountResource Body(Invocation invocation) => new()
    {
        DisplayName = invocation.Value(_displayName),
        Email = invocation.Value(_email),
        DeploymentDeletionGuard = invocation.Given(_guard),
    };
}
