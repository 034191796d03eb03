"""The simulation itself: day by day, who comes, what they do, and which lines arrive.

Every draw belongs to a person and a visit, or to a day, by a key made of the seed: the days of a
shorter simulation are the first days of a longer one, byte for byte. What arrives after the last
day is kept out and counted as undelivered.
"""

import heapq
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ml.simulation import aftermath, crawlers, identity
from ml.simulation.actions import Action
from ml.simulation.browsing import Surroundings, note_cart_alert
from ml.simulation.catalogue import build_catalogue
from ml.simulation.deliveries import Deliveries
from ml.simulation.persons import (
    COUNTRIES,
    KINDS,
    KNOWN_RATE,
    NEW_SHARE,
    Device,
    Person,
    make_person,
)
from ml.simulation.seasons import Clock, day_weights, spike_days, time_of_day
from ml.simulation.settings import DAY, HOUR, MINUTE, SHOP, Settings
from ml.simulation.truth import Truth
from ml.simulation.visits import MAIL_CHANNEL, Visit, phones_compared

# Shop lines are cut into files of six hours, as a tracker rotates them.
FILE_HOURS = 6
PAUSE_BETWEEN_VISITS = 45 * MINUTE
MAIL_SHARE = 0.6
# Kinds of what is on the agenda, and of the keys that draws are seeded with.
VISIT, MAIL, CLICK, PERSON, CRAWL, DAILY = range(6)


@dataclass(frozen=True)
class DayFile:
    """One file that a source hands over on a day; `lines` without line ends."""

    source: str
    date: date
    name: str
    lines: list[str]


class Simulation:
    """A shop over some days.

    Draw every day with `days()`; `truth` is complete after the last one.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.truth = Truth(settings)
        self.catalogue = build_catalogue(settings.seed)
        self._surroundings = Surroundings(self.catalogue, self.truth, settings.lift)
        self._deliveries = Deliveries(self.truth)
        self._clock = Clock(settings)
        self._rng = random.Random()
        # day -> (moment, person's number, kind, device, the cart's last touch)
        self._agenda: dict[int, list[tuple[int, int, int, int, int]]] = defaultdict(list)
        self._persons: list[Person] = []
        self._staff = identity.make_staff(settings.seed)
        self._crawlers = crawlers.make_crawlers(settings.seed)

    def days(self) -> Iterator[list[DayFile]]:
        """The files of each day, in order of arrival; may be drawn once."""
        if self._persons:
            raise ValueError("a simulation can be drawn once; make another with the same settings")
        settings = self.settings
        self._welcome_known_persons()
        weights = day_weights(settings)
        for day in range(settings.days):
            self._welcome_new_persons(day, weights[day])
            self._daily_business(day)
            self._live(day)
            yield self._files(day)
        self._close()

    # -- who comes --------------------------------------------------------------------------

    def _seed(self, kind: int, a: int, b: int = 0) -> random.Random:
        self._rng.seed(((self.settings.seed * 8 + kind) << 96) | (a << 48) | b)
        return self._rng

    def _add_person(self, *, known: bool) -> tuple[random.Random, Person]:
        number = len(self._persons) + 1
        rng = self._seed(PERSON, number)
        person = make_person(rng, number, self.catalogue.preferences, known=known)
        self._persons.append(person)
        return rng, person

    def _welcome_known_persons(self) -> None:
        count = round((1 - NEW_SHARE) * self.settings.visitors_per_day / KNOWN_RATE)
        for _ in range(count):
            rng, person = self._add_person(known=True)
            day = self._clock.day_after(rng.expovariate(KINDS[person.kind][2]))
            if day is not None:
                self._plan_visit(rng, person, day)

    def _welcome_new_persons(self, day: int, weight: float) -> None:
        mean = NEW_SHARE * self.settings.visitors_per_day * weight
        count = max(0, round(self._seed(DAILY, day, 1).gauss(mean, mean**0.5)))
        for _ in range(count):
            rng, person = self._add_person(known=False)
            self._plan_visit(rng, person, day)

    def _plan_visit(self, rng: random.Random, person: Person, day: int) -> None:
        moment = day * DAY + time_of_day(rng, COUNTRIES[person.country][1])
        u = rng.random()
        device = 0 if u < 0.7 else int((u - 0.7) / 0.3 * len(person.devices))
        self._plan(moment, person, VISIT, device)

    def _plan(
        self, moment: int, person: Person, kind: int, device: int, touched_at: int = 0
    ) -> None:
        self._agenda[moment // DAY].append((moment, person.number, kind, device, touched_at))

    # -- what they do -----------------------------------------------------------------------

    def _live(self, day: int) -> None:
        queue = self._agenda.pop(day, [])
        heapq.heapify(queue)
        while queue:
            moment, number, kind, device_number, touched_at = heapq.heappop(queue)
            person = self._persons[number - 1]
            if kind == MAIL:
                self._mail(person, device_number, moment, touched_at)
            else:
                start = max(moment, person.free_from)
                if start // DAY > day:
                    self._plan(start, person, kind, device_number)
                    continue
                self._visit(person, person.devices[device_number], start, kind)
            # What was planned for the rest of this day.
            for entry in self._agenda.pop(day, []):
                heapq.heappush(queue, entry)

    def _visit(self, person: Person, device: Device, start: int, kind: int) -> None:
        rng = self._seed(kind, person.number, person.visits)
        is_first = person.visits == 0
        visit = Visit(rng, self._surroundings, person, device, start)
        visit.walk(MAIL_CHANNEL if kind == CLICK else None)
        person.free_from = visit.now + PAUSE_BETWEEN_VISITS
        delivered, late = self._deliveries.deliver(rng, visit.actions, is_visit=True)
        self.truth.note_sessions(person, device.anonymous_id, delivered, late)
        self._note_compared_phones(person, device, delivered)
        self._follow_up(rng, visit, is_first)
        if kind == VISIT:
            rate, leaving = KINDS[person.kind][2:]
            if rng.random() >= leaving:
                wait = rng.expovariate(rate)
                day = self._clock.day_after(self._clock.elapsed(start) + wait)
                if day is not None:
                    self._plan_visit(rng, person, day)

    def _note_compared_phones(
        self, person: Person, device: Device, delivered: list[Action]
    ) -> None:
        found = phones_compared(delivered)
        if found is not None:
            self.truth.plant(
                "three_phones_in_ten_minutes",
                found.moment,
                source=SHOP,
                event_id=found.event_id,
                person=person,
                anonymous_id=device.anonymous_id,
            )

    def _follow_up(self, rng: random.Random, visit: Visit, is_first: bool) -> None:
        """Everything that a visit brings about outside the shop's pages."""
        person, device = visit.person, visit.device
        later: list[Action] = []
        for moment in visit.log_ins:
            later += identity.log_in(rng, person, device, moment)
            if (
                person.log_ins > identity.LOG_INS_BEFORE_ATTACK
                and rng.random() < self.settings.attack_rate
            ):
                later += identity.attack(rng, self.truth, person, device, moment)
        for order, items in visit.placed:
            later += aftermath.after_order(rng, order, items)
        if visit.signed_up_at is not None:
            moment = visit.signed_up_at + int(rng.uniform(1, 60) * MINUTE)
            later.append(aftermath.profile_update(rng, person, moment))
        elif is_first and person.has_account and rng.random() < 0.5:
            moment = visit.now + int(rng.uniform(1, 48) * HOUR)
            later.append(aftermath.profile_update(rng, person, moment))
        self._deliver_business(rng, later)
        cart = device.cart
        if cart.items and person.has_account and not cart.mailed and rng.random() < MAIL_SHARE:
            cart.mailed = True
            moment = visit.now + int(rng.uniform(2, 20) * HOUR)
            self._plan(moment, person, MAIL, person.devices.index(device), cart.touched_at)

    def _mail(self, person: Person, device_number: int, moment: int, touched_at: int) -> None:
        cart = person.devices[device_number].cart
        if not cart.items or cart.touched_at != touched_at:
            return
        rng = self._seed(MAIL, person.number, moment)
        actions, clicked = aftermath.abandoned_cart_mail(rng, person, moment)
        self._deliver_business(rng, actions)
        if clicked is not None:
            self._plan(clicked + 2_000, person, CLICK, device_number)

    def _daily_business(self, day: int) -> None:
        """What happens without customers: stock, staff, crawlers."""
        settings, truth = self.settings, self.truth
        rng = self._seed(DAILY, day, 2)
        self._deliver_business(rng, aftermath.stock_corrections(rng, self.catalogue, day))
        weekday = (settings.start + timedelta(days=day)).weekday()
        self._deliver_business(rng, identity.staff_day(rng, truth, self._staff, day, weekday))
        for crawler in self._crawlers:
            rng = self._seed(CRAWL, crawler.number, day)
            if rng.random() < 0.5:
                continue
            actions = crawlers.crawl(rng, truth, self.catalogue, crawler, day)
            delivered, late = self._deliveries.deliver(rng, actions)
            truth.note_sessions(crawler, crawler.devices[0].anonymous_id, delivered, late)

    def _deliver_business(self, rng: random.Random, actions: Sequence[Action]) -> None:
        delivered, _ = self._deliveries.deliver(rng, actions)
        for action in delivered:
            if action.name == "order_updated":
                order = self.truth.orders[action.body["order_id"]]
                order.revenue = round(action.body["revenue"] * 100)
            elif action.name == "order_refunded":
                order = self.truth.orders[action.body["order_id"]]
                order.refunded += round(action.body["revenue"] * 100)

    # -- what arrives -----------------------------------------------------------------------

    def _files(self, day: int) -> list[DayFile]:
        when = self.truth.date(day)
        files = []
        for source, lines in self._deliveries.take_day(day).items():
            parts: dict[int, list[str]] = defaultdict(list)
            for arrival, _, _, line in lines:
                hour = arrival % DAY // HOUR
                parts[hour // FILE_HOURS * FILE_HOURS if source == SHOP else 0].append(line)
            for hour, part in sorted(parts.items()):
                name = f"events-{hour:02d}.jsonl.gz" if source == SHOP else "log-ins.jsonl"
                files.append(DayFile(source, when, name, part))
        return files

    def _close(self) -> None:
        end = self.settings.days * DAY
        for person in self._persons:
            for device in person.devices:
                note_cart_alert(self.truth, self.catalogue, person, device, end)
        for day in spike_days(self.settings.seed, self.settings.days):
            self.truth.plant(
                "kpi_spike",
                day * DAY,
                value=self.settings.spike,
                detail="relative rise of visits on this UTC day",
            )
        self.truth.plant(
            "experiment_lift",
            0,
            value=self.settings.lift,
            detail="cart-bundle: relative rise of the mean order value, treatment over control",
        )
        self.truth.persons = [*self._persons, *self._staff, *self._crawlers]
