using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Reconciling;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Serverless;

/// <summary>
/// Keeps one deployment of the library's account for each model on the serverless tier, by the commands that everybody uses. It may be
/// killed at any line: each look starts from what there is.
/// </summary>
internal sealed partial class ServerlessReconciler(
    ModelStore models,
    DeploymentStore deployments,
    DeploymentCommands commands,
    IOptions<ServerlessOptions> options,
    TimeProvider time,
    ILogger<ServerlessReconciler> log) : IControlledLoop
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    /// <summary>A date comes, or what was refused may pass now: no event tells of either.</summary>
    private static readonly TimeSpan SweepInterval = TimeSpan.FromMinutes(1);

    private static readonly UserName Platform = AccountName.Library.User(ResourceId.Parse("platform"));

    private readonly ChangeSignal _changed = new();

    public async Task RunAsync(CancellationToken held)
    {
        var following = FollowAsync(held);
        while (true)
        {
            var changed = _changed.Next; // taken before looking
            TimeSpan pause;
            try
            {
                pause = await LookAsync(held);
            }
            catch (Exception error) when (!held.IsCancellationRequested)
            {
                LogFailed(error);
                pause = RetryDelay;
            }

            using var over = CancellationTokenSource.CreateLinkedTokenSource(held);
            await Task.WhenAny(changed, following, Task.Delay(pause, time, over.Token));
            await over.CancelAsync(); // takes the timer down
            held.ThrowIfCancellationRequested();
        }
    }

    /// <returns>When to look again if nothing happens before.</returns>
    internal async Task<TimeSpan> LookAsync(CancellationToken cancellation)
    {
        var (_, shared) = await deployments.ListAsync(AccountName.Library, cancellation);
        var plan = ServerlessPlan.For(
            await models.ListAsync(AccountName.Library, cancellation),
            [.. shared.Select(stored => stored.Deployment)],
            options.Value.MaxReplicas,
            Today);
        foreach (var step in plan.Steps)
        {
            if (await ApplyAsync(step, cancellation) is { } problem) LogRefused(step, problem.Message);
            else LogApplied(step);
        }

        return plan.IsWaiting ? RetryDelay : SweepInterval;
    }

    private async Task<Problem?> ApplyAsync(ServerlessStep step, CancellationToken cancellation) => step switch
    {
        ServerlessStep.End { Model: var model } => await models.EndServerlessAsync(model, Today, cancellation),
        ServerlessStep.Create { Deployment: var name, Wish: var wish } => (await commands.CreateAsync(
            AccountName.Library, wish, name.Deployment.ToString(), validateOnly: false, Platform, draftByDefault: true, cancellation)).Problem,
        ServerlessStep.Resize { Deployment: var name, Wish: var wish } => (await commands.UpdateAsync(name, wish, ServerlessPlan.Resized, cancellation)).Problem,
        ServerlessStep.Delete { Deployment: var name } => (await commands.DeleteAsync(name, hard: true, ignoreChecks: true, cancellation)).Problem,
        _ => throw new ArgumentOutOfRangeException(nameof(step)),
    };

    private DateOnly Today => DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);

    private async Task FollowAsync(CancellationToken held)
    {
        while (true)
        {
            try
            {
                var revision = await models.Rows.RevisionAsync(held);
                _changed.Raise(); // what was before is looked at anew
                await foreach (var _ in models.Rows.WatchAsync(revision, held)) _changed.Raise();
            }
            catch (WatchExpiredException)
            {
                // Too far behind: all is looked at anew.
            }
            catch (Exception error) when (!held.IsCancellationRequested)
            {
                LogFailed(error);
                await Task.Delay(RetryDelay, time, held);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Serverless: {Step}")]
    private partial void LogApplied(ServerlessStep step);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Serverless: {Step} was refused and is tried again: {Reason}")]
    private partial void LogRefused(ServerlessStep step, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The serverless tier could not be looked after; trying again")]
    private partial void LogFailed(Exception error);
}
