"""The block `experiments:` of `footfall.yml`: what was planned of an experiment.

Only the settings belong here; what is made of them is `ml/experiments.py`. An experiment needs no
entry: whatever is met by somebody is analysed.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dagster_project.ingest.config_types import Strict, problem

_Text = Annotated[str, Field(min_length=1, max_length=200)]
# Those of `ml.bandit_policies`.
PolicyName = Literal["uniform", "epsilon_greedy", "ucb1", "kl_ucb", "thompson", "linucb"]


class ExperimentSettings(Strict):
    """One experiment, by the id that its events name.

    Attributes:
        control: the variant that the others are compared with; else the one named control, else
            the first by name.
        variants: variant -> share of the persons that it should get, in any common scale; equal
            unless given. All variants are named, or none.
        units: how many persons were planned for, of all variants together.
        policies: variant -> the policy that chooses its recommendations. What it was expected to
            do to the average order value is then held against what the experiment finds.
    """

    control: _Text | None = None
    variants: dict[_Text, Annotated[float, Field(gt=0, le=1e9)]] = Field(
        default_factory=dict, max_length=50
    )
    units: Annotated[int, Field(ge=1)] | None = None
    policies: dict[_Text, PolicyName] = Field(default_factory=dict, max_length=50)

    @model_validator(mode="after")
    def _has_what_it_names(self) -> Self:
        if self.control is not None and self.variants and self.control not in self.variants:
            raise problem(f"{self.control!r} is none of the variants", "control")
        strange = sorted(set(self.policies) - set(self.variants)) if self.variants else []
        if strange:
            raise problem(f"{strange[0]!r} is none of the variants", "policies")
        return self


Experiments = dict[_Text, ExperimentSettings]
